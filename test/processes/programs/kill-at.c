// Preloaded into a process: ends it with SIGKILL at its N-th call of one kind.
//
//     COPPICE_KILL_AT=CALL:WHEN:N    CALL: pwritev msync fallocate ftruncate lock unlock rename
//                                    WHEN: before, after, half (pwritev: the first half is written)
//
// lock and unlock are those of the writer's byte, 2^62. Calls are counted from the start of the
// process, or from SIGUSR2 when COPPICE_KILL_ARMED=later.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static char wanted_call[32];
static char wanted_when[16];
static long wanted_count;
static atomic_long counted;
static atomic_int armed;

static void arm(int signal) {
  (void)signal;
  atomic_store(&armed, 1);
}

__attribute__((constructor)) static void start(void) {
  const char* text = getenv("COPPICE_KILL_AT");
  if (text == NULL) return;
  const char* first = strchr(text, ':');
  const char* second = first == NULL ? NULL : strchr(first + 1, ':');
  if (second == NULL) abort();
  memcpy(wanted_call, text, (size_t)(first - text));
  memcpy(wanted_when, first + 1, (size_t)(second - first - 1));
  wanted_count = atol(second + 1);
  const char* later = getenv("COPPICE_KILL_ARMED");
  if (later != NULL && strcmp(later, "later") == 0) {
    signal(SIGUSR2, arm);
  } else {
    atomic_store(&armed, 1);
  }
}

// Whether this is the call at which the process ends.
static int is_last(const char* call) {
  if (!atomic_load(&armed) || strcmp(call, wanted_call) != 0) return 0;
  return atomic_fetch_add(&counted, 1) + 1 == wanted_count;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

#define AROUND(type, call, invocation)                       \
  const int last = is_last(call);                            \
  if (last && strcmp(wanted_when, "before") == 0) die();     \
  type result = invocation;                                  \
  if (last) die();                                           \
  return result

typedef ssize_t (*pwritev_type)(int, const struct iovec*, int, off64_t);

ssize_t pwritev64(int fd, const struct iovec* pieces, int count, off64_t offset) {
  pwritev_type real = (pwritev_type)dlsym(RTLD_NEXT, "pwritev64");
  const int last = is_last("pwritev");
  if (last && strcmp(wanted_when, "before") == 0) die();
  if (last && strcmp(wanted_when, "half") == 0) {
    // Half of the pieces, and half of the last one of these.
    const int half = (count + 1) / 2;
    struct iovec part[1024];
    memcpy(part, pieces, sizeof(struct iovec) * (size_t)half);
    part[half - 1].iov_len = (part[half - 1].iov_len + 1) / 2;
    real(fd, part, half, offset);
    die();
  }
  ssize_t result = real(fd, pieces, count, offset);
  if (last) die();
  return result;
}

int msync(void* address, size_t length, int flags) {
  int (*real)(void*, size_t, int) = (int (*)(void*, size_t, int))dlsym(RTLD_NEXT, "msync");
  AROUND(int, "msync", real(address, length, flags));
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  int (*real)(int, int, off64_t, off64_t) =
      (int (*)(int, int, off64_t, off64_t))dlsym(RTLD_NEXT, "fallocate64");
  AROUND(int, "fallocate", real(fd, mode, offset, length));
}

int ftruncate64(int fd, off64_t length) {
  int (*real)(int, off64_t) = (int (*)(int, off64_t))dlsym(RTLD_NEXT, "ftruncate64");
  AROUND(int, "ftruncate", real(fd, length));
}

int fcntl64(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  int (*real)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, "fcntl64");
  if (command == F_OFD_SETLK || command == F_OFD_SETLKW) {
    const struct flock64* lock = argument;
    if (lock->l_start == (off64_t)1 << 62) {
      AROUND(int, lock->l_type == F_UNLCK ? "unlock" : "lock", real(fd, command, argument));
    }
  }
  return real(fd, command, argument);
}
