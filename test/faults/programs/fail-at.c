// Preloaded into a process: fails the N-th call of one kind on files below one folder.
//
// Which, and how, stands in the file that COPPICE_FAIL_AT names, which the process rewrites itself
// between its cases; fail-at.mjs writes it and has the same lists. 64-bit words, then the folder:
//
//     0 kind       of the call to fail, 0 for none       1 action   an errno, or -1 half, -2 one
//     2 first      the call that fails first, from 1                byte, -3 no byte at all
//     3 span       how many fail from there on           4 fired    how many were failed
//     5 standing   a kind of which every call fails      6 its errno
//     8.. counts   of the calls of each kind             at byte 512: the folder, and a NUL
//
// A call that fails has no effect, but for close: Linux lets go of the descriptor even then.
// Calls that name no file count when the addon made them. STATX is the addon's, LOOKUP Node's.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum Kind {
  NONE, OPEN, CLOSE, READ, WRITE, MSYNC, SYNC, FALLOCATE, TRUNCATE, STAT, STATX, STATFS, MAP,
  RESERVE, LOCK, WAIT, UNLOCK, LOOK, DUP, RENAME, RENAMEAT2, LINK, UNLINK, CHMOD, THREAD, MEMFD, LOOKUP
};

static _Atomic long* words;

__attribute__((constructor)) static void start(void) {
  const char* path = getenv("COPPICE_FAIL_AT");
  if (path == NULL) return;
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
  void* base = (void*)syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (fd < 0 || base == MAP_FAILED) abort();
  words = base;
}

static int below(const char* path) {
  const char* folder = (const char*)words + 512;
  const size_t length = strlen(folder);
  return length > 0 && strncmp(path, folder, length) == 0;
}

static int of_descriptor(int fd) {
  char name[64];
  char target[1024];
  if (words == NULL || fd < 0) return 0;
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(name, target, sizeof target - 1);
  if (length <= 0) return 0;
  target[length] = '\0';
  return below(target);
}

static int of_path(const char* path) {
  if (words == NULL || path == NULL) return 0;
  if (strncmp(path, "/proc/self/fd/", 14) == 0) return of_descriptor(atoi(path + 14));
  return below(path);
}

static int of_addon(void* caller) {
  Dl_info info;
  if (words == NULL || ((const char*)words)[512] == '\0') return 0;
  return dladdr(caller, &info) != 0 && strstr(info.dli_fname, "coppice.node") != NULL;
}

// Counts a call. 0: it goes on; else what it comes to, as in word 1.
static long fate(enum Kind kind) {
  const long count = atomic_fetch_add(&words[8 + kind], 1) + 1;
  if (atomic_load(&words[5]) == kind) return atomic_load(&words[6]);
  if (atomic_load(&words[0]) != kind) return 0;
  const long first = atomic_load(&words[2]);
  if (count < first || count - first >= atomic_load(&words[3])) return 0;
  atomic_fetch_add(&words[4], 1);
  return atomic_load(&words[1]);
}

#define REAL(name) ((__typeof__(&name))real(#name))
static void* real(const char* name) { return dlsym(RTLD_NEXT, name); }

// When `counts`: fails the call if its time has come.
#define FAIL_IF(counts, kind)                 \
  do {                                        \
    const long error = (counts) ? fate(kind) : 0; \
    if (error > 0) {                          \
      errno = (int)error;                     \
      return -1;                              \
    }                                         \
  } while (0)

static size_t shorter(long how, size_t length) {
  if (how == -1) return length / 2 > 0 ? length / 2 : length;
  return how == -2 && length > 0 ? 1 : 0;
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = va_arg(arguments, mode_t);
  va_end(arguments);
  FAIL_IF(of_path(path), OPEN);
  return REAL(open64)(path, flags, mode);
}

int close(int fd) {
  const long error = of_descriptor(fd) ? fate(CLOSE) : 0;
  const int result = REAL(close)(fd);
  if (error <= 0) return result;
  errno = (int)error;
  return -1;
}

DIR* opendir(const char* path) {
  const long error = of_path(path) ? fate(OPEN) : 0;
  if (error <= 0) return REAL(opendir)(path);
  errno = (int)error;
  return NULL;
}

// Reads and writes of one piece: `call` with `length` cut down as told.
#define SOME(kind, fd, length, call)                \
  const long how = of_descriptor(fd) ? fate(kind) : 0; \
  if (how > 0) {                                    \
    errno = (int)how;                               \
    return -1;                                      \
  }                                                 \
  if (how < 0) length = shorter(how, length);       \
  if (how < 0 && length == 0) return 0;             \
  return call

ssize_t pread64(int fd, void* to, size_t length, off64_t offset) {
  SOME(READ, fd, length, REAL(pread64)(fd, to, length, offset));
}
ssize_t read(int fd, void* to, size_t length) {
  SOME(READ, fd, length, REAL(read)(fd, to, length));
}
ssize_t pwrite64(int fd, const void* from, size_t length, off64_t offset) {
  SOME(WRITE, fd, length, REAL(pwrite64)(fd, from, length, offset));
}
ssize_t write(int fd, const void* from, size_t length) {
  SOME(WRITE, fd, length, REAL(write)(fd, from, length));
}

ssize_t pwritev64(int fd, const struct iovec* pieces, int count, off64_t offset) {
  const long how = of_descriptor(fd) ? fate(WRITE) : 0;
  if (how > 0) {
    errno = (int)how;
    return -1;
  }
  if (how == 0) return REAL(pwritev64)(fd, pieces, count, offset);
  size_t length = 0;
  for (int i = 0; i < count; i++) length += pieces[i].iov_len;
  length = shorter(how, length);
  if (length == 0) return 0;
  struct iovec part[1024];
  int used = 0;
  for (; length > 0; used++) {
    part[used] = pieces[used];
    if (part[used].iov_len > length) part[used].iov_len = length;
    length -= part[used].iov_len;
  }
  return REAL(pwritev64)(fd, part, used, offset);
}

int msync(void* address, size_t length, int flags) {
  FAIL_IF(of_addon(__builtin_return_address(0)), MSYNC);
  return REAL(msync)(address, length, flags);
}
int fdatasync(int fd) {
  FAIL_IF(of_descriptor(fd), SYNC);
  return REAL(fdatasync)(fd);
}
int fsync(int fd) {
  FAIL_IF(of_descriptor(fd), SYNC);
  return REAL(fsync)(fd);
}
int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  FAIL_IF(of_descriptor(fd), FALLOCATE);
  return REAL(fallocate64)(fd, mode, offset, length);
}
int ftruncate64(int fd, off64_t length) {
  FAIL_IF(of_descriptor(fd), TRUNCATE);
  return REAL(ftruncate64)(fd, length);
}
int fstat64(int fd, struct stat64* status) {
  FAIL_IF(of_descriptor(fd), STAT);
  return REAL(fstat64)(fd, status);
}
int fstatfs64(int fd, struct statfs64* status) {
  FAIL_IF(of_descriptor(fd), STATFS);
  return REAL(fstatfs64)(fd, status);
}
int statfs64(const char* path, struct statfs64* status) {
  FAIL_IF(of_path(path), STATFS);
  return REAL(statfs64)(path, status);
}
int statx(int fd, const char* path, int flags, unsigned mask, struct statx* status) {
  FAIL_IF(path[0] == '\0' ? of_descriptor(fd) : of_path(path), STATX);
  return REAL(statx)(fd, path, flags, mask, status);
}

void* mmap64(void* address, size_t length, int protection, int flags, int fd, off64_t offset) {
  const int named = fd >= 0;
  const int counts = named ? of_descriptor(fd) : of_addon(__builtin_return_address(0));
  const long error = counts ? fate(named ? MAP : RESERVE) : 0;
  if (error <= 0) return REAL(mmap64)(address, length, protection, flags, fd, offset);
  errno = (int)error;
  return MAP_FAILED;
}

int fcntl64(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  enum Kind kind = NONE;
  if (command == F_OFD_GETLK) kind = LOOK;
  if (command == F_OFD_SETLKW) kind = WAIT;
  if (command == F_OFD_SETLK) {
    kind = ((const struct flock64*)argument)->l_type == F_UNLCK ? UNLOCK : LOCK;
  }
  if (command == F_DUPFD_CLOEXEC) kind = DUP;
  FAIL_IF(kind != NONE && of_descriptor(fd), kind);
  return REAL(fcntl64)(fd, command, argument);
}

int rename(const char* from, const char* to) {
  FAIL_IF(of_path(from), RENAME);
  return REAL(rename)(from, to);
}
int link(const char* from, const char* to) {
  FAIL_IF(of_path(from), LINK);
  return REAL(link)(from, to);
}
int unlink(const char* path) {
  FAIL_IF(of_path(path), UNLINK);
  return REAL(unlink)(path);
}
int fchmod(int fd, mode_t mode) {
  FAIL_IF(of_descriptor(fd), CHMOD);
  return REAL(fchmod)(fd, mode);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* how, void* (*body)(void*), void* with) {
  const long error = of_addon(__builtin_return_address(0)) ? fate(THREAD) : 0;
  return error > 0 ? (int)error : REAL(pthread_create)(thread, how, body, with);
}

// The calls that the C library had no name for when Node, or we, were compiled.
long syscall(long number, ...) {
  long a[6];
  va_list arguments;
  va_start(arguments, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(arguments, long);
  va_end(arguments);
  if (words != NULL && number == SYS_statx) {
    const char* path = (const char*)a[1];
    FAIL_IF(path[0] == '\0' ? of_descriptor((int)a[0]) : of_path(path), LOOKUP);
  }
  if (words != NULL && number == SYS_renameat2) FAIL_IF(of_path((const char*)a[1]), RENAMEAT2);
  if (words != NULL && number == SYS_memfd_create) {
    FAIL_IF(of_addon(__builtin_return_address(0)), MEMFD);
  }
  return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
