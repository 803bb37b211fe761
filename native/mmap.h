// The mapping of one file in this process: one range of addresses, reserved once and filled from
// its start, shared by every handle of every thread on that file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "failure.h"
#include "fault-guard.h"
#include "fork.h"

namespace coppice {

enum class Advice { Normal, Random, Sequential };

class Mapping {
 public:
  // The mapping of the file behind `descriptor`: the one that this process has, else a new one.
  // `reserveBytes` is rounded down to segments; as much of it as the address space allows is kept.
  // An existing mapping has its own reservation. EINVAL when it has other segments.
  static Failure attach(int descriptor, bool writable, size_t reserveBytes, size_t segmentBytes,
                        std::shared_ptr<Mapping>* out);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  uint8_t* base() const { return base_; }
  size_t reservedBytes() const { return reservedBytes_; }
  size_t segmentBytes() const { return segmentBytes_; }
  FaultGuard& guard() { return *guard_; }

  // Maps the file, from its start, at least `bytes` far. Past the end of the file too: those pages
  // become readable when it grows.
  Failure ensureMapped(size_t bytes);

  // Puts everything written to the file on the disk. `descriptor` is a handle's, open for writing.
  Failure flush(int descriptor);

  // OS pages of [offset, offset + length), as far as it is mapped, that are in memory.
  Failure resident(uint64_t offset, uint64_t length, uint64_t* pages);

  Failure advise(Advice advice);
  // Asks for exactly these bytes to be read; maps them when they are not mapped yet.
  Failure willNeed(uint64_t offset, uint64_t length);

  // Brings the bytes into memory, and into the page table of this process: a touch of them is no
  // fault then. Waits for the disk. EFAULT when a part cannot be read.
  Failure load(uint64_t offset, uint64_t length);

  int32_t remapFaults();

 private:
  Mapping() = default;
  static Failure make(int descriptor, bool writable, size_t reserveBytes, size_t segmentBytes,
                      std::shared_ptr<Mapping>* out);
  Failure reserve(size_t wanted);
  bool clamp(uint64_t offset, uint64_t length, uint8_t** from, size_t* bytes);

  std::mutex mutex_;
  std::shared_ptr<Descriptor> descriptor_;
  bool writable_ = false;
  uint8_t* base_ = nullptr;
  size_t reservedBytes_ = 0;
  size_t segmentBytes_ = 0;
  size_t mappedBytes_ = 0;
  Advice advice_ = Advice::Normal;
  FaultGuard* guard_ = nullptr;
};

}  // namespace coppice
