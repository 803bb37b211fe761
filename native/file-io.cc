#include "file-io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace coppice {

namespace {

constexpr size_t kVectors = 1024;  // IOV_MAX of Linux and macOS
constexpr size_t kZeroBytes = 65536;
const uint8_t kZeros[kZeroBytes] = {};

// Steps over `written` bytes; returns how many vectors have been used up.
size_t advance(struct iovec* pieces, size_t count, size_t written) {
  size_t used = 0;
  while (used < count && written >= pieces[used].iov_len) written -= pieces[used++].iov_len;
  if (used < count) {
    pieces[used].iov_base = static_cast<uint8_t*>(pieces[used].iov_base) + written;
    pieces[used].iov_len -= written;
  }
  return used;
}

}  // namespace

Failure writeFully(int descriptor, struct iovec* pieces, size_t count, uint64_t offset) {
  size_t done = advance(pieces, count, 0);
  while (done < count) {
    const int part = static_cast<int>(std::min(count - done, kVectors));
    const ssize_t written = pwritev(descriptor, pieces + done, part, static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) continue;
      return Failure::of("pwritev");
    }
    if (written == 0) return {EIO, "pwritev"};
    offset += static_cast<uint64_t>(written);
    done += advance(pieces + done, count - done, static_cast<size_t>(written));
  }
  return {};
}

Failure writeZeros(int descriptor, uint64_t offset, uint64_t length) {
  constexpr size_t kAtOnce = 64;  // 4 MiB a call
  while (length > 0) {
    struct iovec pieces[kAtOnce];
    size_t count = 0;
    uint64_t bytes = 0;
    while (count < kAtOnce && bytes < length) {
      const size_t part = static_cast<size_t>(std::min<uint64_t>(kZeroBytes, length - bytes));
      pieces[count++] = {const_cast<uint8_t*>(kZeros), part};
      bytes += part;
    }
    if (Failure failure = writeFully(descriptor, pieces, count, offset)) return failure;
    offset += bytes;
    length -= bytes;
  }
  return {};
}

Failure readFully(int descriptor, uint8_t* target, size_t length, uint64_t offset, size_t* read) {
  *read = 0;
  while (*read < length) {
    const ssize_t got =
        pread(descriptor, target + *read, length - *read, static_cast<off_t>(offset + *read));
    if (got < 0) {
      if (errno == EINTR) continue;
      return Failure::of("pread");
    }
    if (got == 0) break;
    *read += static_cast<size_t>(got);
  }
  return {};
}

Failure growFile(int descriptor, uint64_t size) {
  struct stat status = {};
  if (fstat(descriptor, &status) != 0) return Failure::of("fstat");
  const uint64_t now = static_cast<uint64_t>(status.st_size);
  if (size <= now) return {};
#ifdef __linux__
  int result = 0;
  do {
    result = fallocate(descriptor, 0, static_cast<off_t>(now), static_cast<off_t>(size - now));
  } while (result != 0 && errno == EINTR);
  if (result == 0) return {};
  // The C library would write a byte into each block instead; a full disk is told by pwritev then.
  if (errno != EOPNOTSUPP && errno != ENOSYS) return Failure::of("fallocate");
#elif defined(__APPLE__)  // not compiled by us
  fstore_t store = {F_ALLOCATEALL, F_PEOFPOSMODE, 0, static_cast<off_t>(size - now), 0};
  if (fcntl(descriptor, F_PREALLOCATE, &store) != 0 && errno == ENOSPC) return Failure::of("fcntl");
#endif
  return truncateFile(descriptor, size);
}

Failure truncateFile(int descriptor, uint64_t size) {
  while (ftruncate(descriptor, static_cast<off_t>(size)) != 0) {
    if (errno != EINTR) return Failure::of("ftruncate");
  }
  return {};
}

Failure flushFile(int descriptor) {
#ifdef __APPLE__  // not compiled by us
  return fcntl(descriptor, F_FULLFSYNC) == 0 ? Failure() : Failure::of("fcntl");
#else
  while (fdatasync(descriptor) != 0) {
    if (errno != EINTR) return Failure::of("fdatasync");
  }
  return {};
#endif
}

}  // namespace coppice
