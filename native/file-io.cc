#include "file-io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace coppice {

namespace {

constexpr size_t kVectors = 1024;  // IOV_MAX of Linux and macOS
// The most that one call writes. The page cache makes folios as large as the writes that fill it,
// and whoever writes a page of a large folio later looks at each block of it: a commit of 8 pages
// into folios of 1 MiB costs 0.11 ms of processor time, into 64 KiB 0.06 ms (docs/mmap.md).
constexpr size_t kCallBytes = 65536;
const uint8_t kZeros[kCallBytes] = {};

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

// Writes of the pieces what one call may; returns what pwritev does.
ssize_t writeSome(int descriptor, struct iovec* pieces, size_t count, uint64_t offset) {
  size_t bytes = 0;
  size_t used = 0;
  while (used < std::min(count, kVectors) && bytes < kCallBytes) bytes += pieces[used++].iov_len;
  struct iovec& last = pieces[used - 1];
  const size_t cut = bytes > kCallBytes ? bytes - kCallBytes : 0;
  last.iov_len -= cut;
  const ssize_t written =
      pwritev(descriptor, pieces, static_cast<int>(used), static_cast<off_t>(offset));
  last.iov_len += cut;
  return written;
}

}  // namespace

Failure writeFully(int descriptor, struct iovec* pieces, size_t count, uint64_t offset) {
  size_t done = advance(pieces, count, 0);
  while (done < count) {
    const ssize_t written = writeSome(descriptor, pieces + done, count - done, offset);
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
  while (length > 0) {
    const size_t bytes = static_cast<size_t>(std::min<uint64_t>(kCallBytes, length));
    struct iovec piece = {const_cast<uint8_t*>(kZeros), bytes};
    if (Failure failure = writeFully(descriptor, &piece, 1, offset)) return failure;
    offset += bytes;
    length -= bytes;
  }
  return {};
}

void startWriteback([[maybe_unused]] int descriptor) {
#ifdef __linux__
  sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
#endif
}

Failure punchHole(int descriptor, uint64_t offset, uint64_t length) {
  if (length == 0) return {};
#ifdef __linux__
  int result = 0;
  do {
    result = fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                       static_cast<off_t>(offset), static_cast<off_t>(length));
  } while (result != 0 && errno == EINTR);
  if (result == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return {};
  return Failure::of("fallocate");
#elif defined(__APPLE__)  // not compiled by us
  fpunchhole_t hole = {0, 0, static_cast<off_t>(offset), static_cast<off_t>(length)};
  if (fcntl(descriptor, F_PUNCHHOLE, &hole) == 0 || errno == ENOTSUP || errno == EINVAL) return {};
  return Failure::of("fcntl");
#else
  return {};
#endif
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

void readWithoutReadAhead(int descriptor) {
#ifdef POSIX_FADV_RANDOM  // macOS has no such call
  posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM);
#else
  (void)descriptor;
#endif
}

Failure fileExtent(int descriptor, uint64_t* size, uint64_t* links) {
#ifdef __linux__
  struct statx extent = {};
  if (statx(descriptor, "", AT_EMPTY_PATH, STATX_SIZE | STATX_NLINK, &extent) == 0) {
    *size = extent.stx_size;
    if (links != nullptr) *links = extent.stx_nlink;
    return {};
  }
  // Older kernels, and sandboxes that know no statx.
#endif
  struct stat status = {};
  if (fstat(descriptor, &status) != 0) return Failure::of("fstat");
  *size = static_cast<uint64_t>(status.st_size);
  if (links != nullptr) *links = static_cast<uint64_t>(status.st_nlink);
  return {};
}

Failure growFile(int descriptor, uint64_t size) {
  uint64_t now = 0;
  if (Failure failure = fileExtent(descriptor, &now)) return failure;
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
