#include "futex.h"

#include <unistd.h>

#include <cerrno>

#ifdef __APPLE__  // not compiled by us
#if __has_include(<os/os_sync_wait_on_address.h>)
#include <os/os_sync_wait_on_address.h>
#define COPPICE_WAITS_ON_ADDRESS 1
#endif
#else
#include <linux/futex.h>
#include <sys/syscall.h>

#include <ctime>
#endif

namespace coppice {

namespace {

// Where the system cannot wait on a word, it is looked at so often.
constexpr int kLookAgainMs = 50;

void sleepInstead(int timeoutMs) {
  usleep(static_cast<useconds_t>(timeoutMs < kLookAgainMs ? timeoutMs : kLookAgainMs) * 1000);
}

}  // namespace

#ifdef __APPLE__  // not compiled by us

void waitOnWord(const int32_t* word, int32_t seen, int timeoutMs) {
#ifdef COPPICE_WAITS_ON_ADDRESS
  if (__builtin_available(macOS 14.4, *)) {
    const uint64_t nanoseconds = static_cast<uint64_t>(timeoutMs) * 1000000;
    const int woken = os_sync_wait_on_address_with_timeout(
        const_cast<int32_t*>(word), static_cast<uint32_t>(seen), sizeof(int32_t),
        OS_SYNC_WAIT_ON_ADDRESS_SHARED, OS_CLOCK_MACH_ABSOLUTE_TIME, nanoseconds);
    if (woken >= 0 || errno == EINTR || errno == ETIMEDOUT) return;
  }
#endif
  if (__atomic_load_n(word, __ATOMIC_SEQ_CST) == seen) sleepInstead(timeoutMs);
}

void wakeOnWord(const int32_t* word) {
#ifdef COPPICE_WAITS_ON_ADDRESS
  if (__builtin_available(macOS 14.4, *)) {
    os_sync_wake_by_address_all(const_cast<int32_t*>(word), sizeof(int32_t),
                                OS_SYNC_WAKE_BY_ADDRESS_SHARED);
  }
#endif
  (void)word;
}

#else

// Not the PRIVATE kind: the kernel then knows the word by its file, and not by its address.

void waitOnWord(const int32_t* word, int32_t seen, int timeoutMs) {
  struct timespec timeout;
  timeout.tv_sec = timeoutMs / 1000;
  timeout.tv_nsec = static_cast<long>(timeoutMs % 1000) * 1000000;
  if (syscall(SYS_futex, word, FUTEX_WAIT, seen, &timeout, nullptr, 0) == 0) return;
  // EFAULT: the page is past the end of the file, which the next load of the word finds out.
  if (errno != EAGAIN && errno != EINTR && errno != ETIMEDOUT) sleepInstead(timeoutMs);
}

void wakeOnWord(const int32_t* word) {
  constexpr int kAll = 0x7fffffff;
  syscall(SYS_futex, word, FUTEX_WAKE, kAll, nullptr, nullptr, 0);
}

#endif

}  // namespace coppice
