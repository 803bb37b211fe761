#include "mmap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "file-io.h"
#include "open.h"

namespace coppice {

namespace {

// The files mapped by this process. Never destroyed: threads may outlive the statics at exit.
struct Registry {
  std::mutex mutex;
  std::map<std::pair<uint64_t, uint64_t>, std::weak_ptr<Mapping>> files;  // by device and inode
};

Registry& registry() {
  static Registry* const only = new Registry();
  return *only;
}

// Of one request Linux reads no more than the larger of the disk's read-ahead and its transfers:
// 128 KiB are less than either on every disk that we know of.
constexpr size_t kReadAheadStep = 128 * 1024;

int adviceNumber(Advice advice) {
  if (advice == Advice::Random) return MADV_RANDOM;
  if (advice == Advice::Sequential) return MADV_SEQUENTIAL;
  return MADV_NORMAL;
}

}  // namespace

Failure Mapping::attach(int descriptor, bool writable, size_t reserveBytes, size_t segmentBytes,
                        std::shared_ptr<Mapping>* out) {
  struct stat status = {};
  if (fstat(descriptor, &status) != 0) return Failure::of("fstat");
  const std::pair<uint64_t, uint64_t> key(status.st_dev, status.st_ino);
  Registry& known = registry();
  std::lock_guard<std::mutex> guard(known.mutex);
  for (auto entry = known.files.begin(); entry != known.files.end();) {
    entry = entry->second.expired() ? known.files.erase(entry) : std::next(entry);
  }
  std::weak_ptr<Mapping>& slot = known.files[key];
  *out = slot.lock();
  if (*out != nullptr) {
    if ((*out)->segmentBytes() == segmentBytes) return FaultGuard::checkHandler();
    out->reset();
    return {EINVAL, "mmap"};
  }
  if (Failure failure = make(descriptor, writable, reserveBytes, segmentBytes, out)) return failure;
  slot = *out;
  return {};
}

Failure Mapping::make(int descriptor, bool writable, size_t reserveBytes, size_t segmentBytes,
                      std::shared_ptr<Mapping>* out) {
  std::shared_ptr<Mapping> made(new Mapping());
  made->writable_ = writable;
  made->segmentBytes_ = segmentBytes;
  if (Failure failure = openAgain(descriptor, writable, &made->descriptor_)) return failure;
  if (Failure failure = made->reserve(reserveBytes)) return failure;
  if (Failure failure = FaultGuard::take(made->base_, made->reservedBytes_, false, &made->guard_)) {
    return failure;
  }
  if (Failure failure = made->ensureMapped(segmentBytes)) return failure;
  *out = made;
  return {};
}

Failure Mapping::reserve(size_t wanted) {
  const size_t asked = wanted / segmentBytes_ * segmentBytes_;
  bool refused = false;
  for (size_t bytes = asked; bytes >= segmentBytes_;
       bytes = bytes / 2 / segmentBytes_ * segmentBytes_) {
    void* address = mmap(nullptr, bytes, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) {
      if (errno != ENOMEM) return Failure::of("mmap");
      refused = true;
      continue;
    }
    if (refused && bytes / 2 >= segmentBytes_) {
      // What is left of a limited address space is also for heaps and stacks: leave at least as
      // much as we take.
      const size_t kept = bytes / 2 / segmentBytes_ * segmentBytes_;
      munmap(static_cast<uint8_t*>(address) + kept, bytes - kept);
      bytes = kept;
    }
    base_ = static_cast<uint8_t*>(address);
    reservedBytes_ = bytes;
    return {};
  }
  return {ENOMEM, "mmap"};
}

Mapping::~Mapping() {
  if (guard_ != nullptr) guard_->give();
  if (base_ != nullptr) munmap(base_, reservedBytes_);
}

Failure Mapping::ensureMapped(size_t bytes) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (bytes > reservedBytes_) return {ENOMEM, "mmap"};
  while (mappedBytes_ < bytes) {
    uint8_t* wanted = base_ + mappedBytes_;
    void* address = mmap(wanted, segmentBytes_, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
                         descriptor_->number(), static_cast<off_t>(mappedBytes_));
    if (address == MAP_FAILED) return Failure::of("mmap");
    // Segments with the same advice are one mapping in the kernel's eyes.
    if (advice_ != Advice::Normal) madvise(wanted, segmentBytes_, adviceNumber(advice_));
    mappedBytes_ += segmentBytes_;
  }
  return {};
}

Failure Mapping::flush(int descriptor) {
#ifdef __APPLE__  // not compiled by us
  return fcntl(descriptor, F_FULLFSYNC) == 0 ? Failure() : Failure::of("fcntl");
#else
  size_t mapped = 0;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    mapped = mappedBytes_;
  }
  uint64_t size = 0;
  if (Failure failure = fileExtent(descriptor, &size)) return failure;
  // msync of a mapping made from a descriptor opened read-only returns 0 and writes nothing.
  if (writable_) {
    while (msync(base_, mapped, MS_SYNC) != 0) {
      if (errno != EINTR) return Failure::of("msync");
    }
  }
  const bool whole = writable_ && size <= mapped;
  if (whole && !guard_->anyReplaced()) return {};
  while (fdatasync(descriptor) != 0) {
    if (errno != EINTR) return Failure::of("fdatasync");
  }
  return {};
#endif
}

bool Mapping::clamp(uint64_t offset, uint64_t length, uint8_t** from, size_t* bytes) {
  std::lock_guard<std::mutex> guard(mutex_);
  const uint64_t page = osPageSize();
  const uint64_t start = offset / page * page;
  const uint64_t end = std::min<uint64_t>((offset + length + page - 1) / page * page, mappedBytes_);
  if (length == 0 || start >= end) return false;
  *from = base_ + start;
  *bytes = static_cast<size_t>(end - start);
  return true;
}

Failure Mapping::resident(uint64_t offset, uint64_t length, uint64_t* pages) {
  *pages = 0;
  uint8_t* from = nullptr;
  size_t bytes = 0;
  if (!clamp(offset, length, &from, &bytes)) return {};
  constexpr size_t kPagesAtOnce = 8192;  // on the stack; 32 MiB of file a call
  unsigned char states[kPagesAtOnce];
  const size_t page = osPageSize();
  for (size_t done = 0; done < bytes;) {
    const size_t part = std::min(bytes - done, kPagesAtOnce * page);
#ifdef __APPLE__
    char* into = reinterpret_cast<char*>(states);
#else
    unsigned char* into = states;
#endif
    if (mincore(from + done, part, into) != 0) return Failure::of("mincore");
    for (size_t i = 0; i < part / page; i++) *pages += states[i] & 1;
    done += part;
  }
  return {};
}

Failure Mapping::advise(Advice advice) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (madvise(base_, mappedBytes_, adviceNumber(advice)) != 0) return Failure::of("madvise");
  advice_ = advice;
  return {};
}

Failure Mapping::willNeed(uint64_t offset, uint64_t length) {
  uint8_t* from = nullptr;
  size_t bytes = 0;
  const uint64_t end = std::min<uint64_t>(offset + length, reservedBytes_);
  if (Failure failure = ensureMapped((end + segmentBytes_ - 1) / segmentBytes_ * segmentBytes_)) {
    return failure;
  }
  if (!clamp(offset, length, &from, &bytes)) return {};
  for (size_t done = 0; done < bytes; done += kReadAheadStep) {
    const size_t part = std::min(bytes - done, kReadAheadStep);
    if (madvise(from + done, part, MADV_WILLNEED) != 0) return Failure::of("madvise");
  }
  return {};
}

Failure Mapping::load(uint64_t offset, uint64_t length) {
  uint8_t* from = nullptr;
  size_t bytes = 0;
  // All of it is asked for before any of it is waited for.
  if (Failure failure = willNeed(offset, length)) return failure;
  if (!clamp(offset, length, &from, &bytes)) return {};
#ifdef __linux__
  constexpr int kPopulateRead = 22;  // MADV_POPULATE_READ, which old headers lack
  for (;;) {
    if (madvise(from, bytes, kPopulateRead) == 0) return {};
    if (errno == EINVAL) break;  // Linux before 5.14
    if (errno == EHWPOISON) return {EFAULT, "madvise"};
    if (errno != EINTR && errno != EAGAIN) return Failure::of("madvise");
  }
#endif
  const int32_t faults = guard_->words()[1];
  for (size_t at = 0; at < bytes; at += osPageSize()) {
    (void)*static_cast<volatile uint8_t*>(from + at);
  }
  const bool faulted = __atomic_load_n(guard_->words() + 1, __ATOMIC_SEQ_CST) != faults;
  return faulted ? Failure{EFAULT, "read"} : Failure();
}

int32_t Mapping::remapFaults() {
  std::lock_guard<std::mutex> guard(mutex_);
  return guard_->remap(descriptor_->number());
}

}  // namespace coppice
