// Preloaded into a process: cuts the power of the filesystem that its data file lies on, at its N-th
// flush or write, after a random part of what was written since the last flush has reached the disk.
//
// COPPICE_CUT_CONTROL names a file of 32-bit words that its processes share with the test:
//     [0] 1 from before a cut begins         [1] calls until a cut by the process itself, 0: none
//     [2] which call: 0 = msync, 1 = pwritev [3] seed
//     [4] flag of FS_IOC_SHUTDOWN            [5] 1: msync does nothing and says that all is well
// An msync that returns when a cut has begun fails: a machine without power would not have come back
// from it, and the kernel, which goes on, may let one succeed whose extents it could not convert any more.
//
// COPPICE_CUT_BESIDE names a file, the lock file, of which a random part is written back as well.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SHUTDOWN _IOR('X', 125, uint32_t)

enum { kCut, kLeft, kCall, kSeed, kHow, kLie };
enum { kMsync, kPwritev };
enum { kPage = 4096, kMaxWrites = 4096 };

static _Atomic(int32_t)* control;
static uint32_t state;

// What this process wrote since its last flush. A few more than are kept are only not chosen.
static struct {
  off64_t offset;
  size_t length;
} writes[kMaxWrites];
static atomic_int written;
static int dataFile = -1;

__attribute__((constructor)) static void start(void) {
  const char* path = getenv("COPPICE_CUT_CONTROL");
  if (path == NULL) return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) abort();
  control = mmap(NULL, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (control == MAP_FAILED) abort();
}

static uint32_t below(uint32_t n) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state % n;
}

static void writeBack(int fd, off64_t offset, size_t length) {
  sync_file_range(fd, offset, (off64_t)length,
                  SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}

static void writeBackBeside(void) {
  const char* path = getenv("COPPICE_CUT_BESIDE");
  int fd = path == NULL || below(3) == 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  struct stat status;
  const int keep = (int)below(4);
  if (fstat(fd, &status) == 0) {
    for (off64_t at = 0; at < status.st_size; at += kPage) {
      if (below(4) >= (uint32_t)keep) writeBack(fd, at, kPage);
    }
  }
  if (below(4) == 0) fsync(fd);
  close(fd);
}

// Sends a part of what was written to the disk: none, about a half, all, all but the meta pages, only these,
// all but one write.
static void cutHere(void) {
  state = (uint32_t)atomic_load(&control[kSeed]) | 1;
  below(2);
  const int count = atomic_load(&written);
  const uint32_t style = below(6);
  const int out = count > 0 ? (int)below((uint32_t)count) : 0;
  if (below(2) == 0) writeBackBeside();
  for (int i = 0; i < count && i < kMaxWrites && style > 0; i++) {
    for (size_t done = 0; done < writes[i].length; done += kPage) {
      const off64_t at = (writes[i].offset + (off64_t)done) & ~(off64_t)(kPage - 1);
      const int isMeta = at < 4 * kPage;
      if (style == 1 && below(2) == 0) continue;
      if (style == 3 && isMeta) continue;
      if (style == 4 && !isMeta) continue;
      if (style == 5 && i == out) continue;
      writeBack(dataFile, at, kPage);
    }
  }
  if (below(2) == 0) writeBackBeside();
  uint32_t how = (uint32_t)atomic_load(&control[kHow]);
  atomic_store(&control[kCut], 1);
  ioctl(dataFile, SHUTDOWN, &how);
}

static void count(int call) {
  if (control == NULL || dataFile < 0 || atomic_load(&control[kCall]) != call) return;
  int32_t left = atomic_load(&control[kLeft]);
  while (left > 0 && !atomic_compare_exchange_weak(&control[kLeft], &left, left - 1)) {
  }
  if (left == 1) cutHere();
}

ssize_t pwritev64(int fd, const struct iovec* pieces, int pieceCount, off64_t offset) {
  ssize_t (*real)(int, const struct iovec*, int, off64_t) =
      (ssize_t (*)(int, const struct iovec*, int, off64_t))dlsym(RTLD_NEXT, "pwritev64");
  if (control == NULL) return real(fd, pieces, pieceCount, offset);
  dataFile = fd;
  count(kPwritev);
  const ssize_t result = real(fd, pieces, pieceCount, offset);
  if (result > 0) {
    const int i = atomic_fetch_add(&written, 1);
    if (i < kMaxWrites) {
      writes[i].offset = offset;
      writes[i].length = (size_t)result;
    }
  }
  return result;
}

int msync(void* address, size_t length, int flags) {
  int (*real)(void*, size_t, int) = (int (*)(void*, size_t, int))dlsym(RTLD_NEXT, "msync");
  count(kMsync);
  if (control != NULL && atomic_load(&control[kLie]) != 0) return 0;
  const int result = real(address, length, flags);
  atomic_store(&written, 0);
  if (control != NULL && atomic_load(&control[kCut]) != 0) {
    errno = EIO;
    return -1;
  }
  return result;
}
