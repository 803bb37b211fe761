// A page of a mapping that cannot be read (file truncated, I/O error) raises SIGBUS in whatever
// code touched it. The guard maps a page of zeros over it, notes which, counts, and returns, so
// that the read goes on and the reader finds the count changed.
//
// Invariants:
// 1. The handler uses only lock-free atomics and mmap: it may run in any thread, anywhere.
// 2. A guard is never freed, only given back, so that the handler may look at any of them.
// 3. A page is counted before zeros are mapped over it, and stops being counted after the file has
//    been mapped over it again: as long as a page of zeros stands there, `words[0]` is above 0.
// 4. So a read is sound if `words[0]` is 0 before and after it, and `words[1]` is the same:
//    another thread may have met a fault, and have had it mended, in between.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#include "failure.h"

namespace coppice {

size_t osPageSize();

class FaultGuard {
 public:
  // Guards [base, base + length), and makes sure that our handler is the process's. ENFILE when
  // there are more mappings in this process than guards. The zeros can be written to where the
  // mapping can: what is written there nobody else sees.
  static Failure take(uint8_t* base, size_t length, bool writable, FaultGuard** out);

  // Stops guarding. To be called before the addresses are unmapped.
  void give();

  // Puts our handler in place again, should another have taken its place.
  static Failure checkHandler();

  // Whether the address lies in a guarded mapping.
  static bool covers(const void* address);

  // Replaces the page at the faulting address, if a guard covers it. Called by the handler.
  static bool catchFault(uintptr_t address);

  // [0] pages replaced now, [1] faults caught since the guard was taken.
  int32_t* words() { return reinterpret_cast<int32_t*>(words_); }
  static constexpr size_t kWordBytes = 8;

  bool anyReplaced() const { return words_[0].load() > 0; }

  // Maps the file again over each replaced page that `descriptor` can read; it is the one
  // that the mapping was made from. Returns how many are still replaced. One caller at a time.
  int32_t remap(int descriptor);

 private:
  static FaultGuard* find(uintptr_t address);
  bool replace(uintptr_t page);
  bool restore(uintptr_t page, size_t length, int descriptor);
  void remapOverflow(int descriptor);

  // Pages noted one by one. A reader throws at the first, so thousands mean that a scan went on
  // over a hole; past these only the span is known.
  static constexpr size_t kNoted = 2040;

  std::atomic<int32_t> words_[2];
  std::atomic<bool> writable_;
  std::atomic<bool> taken_;
  std::atomic<uintptr_t> begin_;
  std::atomic<uintptr_t> end_;
  std::atomic<int32_t> overflowed_;
  std::atomic<uintptr_t> overflowLow_;
  std::atomic<uintptr_t> overflowHigh_;
  std::atomic<uintptr_t> noted_[kNoted];  // addresses of replaced pages, 0 when unused
};

}  // namespace coppice
