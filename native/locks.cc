#include "locks.h"

#include <fcntl.h>
#include <unistd.h>

// Private constants of macOS; Linux has had them since 3.15. (macOS: not compiled by us)
#if defined(__APPLE__) && !defined(F_OFD_SETLK)
#define F_OFD_SETLK 90
#define F_OFD_SETLKW 91
#define F_OFD_GETLK 92
#endif

namespace coppice {

namespace {

constexpr uint64_t kBase = uint64_t{1} << 62;
static_assert(sizeof(off_t) == 8, "offsets of locks need 63 bits");

struct flock range(short type, uint64_t start, uint64_t length) {
  struct flock lock = {};  // l_pid must be 0
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(start);
  lock.l_len = static_cast<off_t>(length);
  return lock;
}

Failure set(int descriptor, int command, struct flock lock, bool* taken) {
  *taken = false;
  while (fcntl(descriptor, command, &lock) != 0) {
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EACCES) return {};
    return Failure::of("fcntl");
  }
  *taken = true;
  return {};
}

}  // namespace

Failure tryLock(int descriptor, bool writable, uint64_t byte, bool* taken) {
  const short type = writable ? F_WRLCK : F_RDLCK;
  Failure failure = set(descriptor, F_OFD_SETLK, range(type, kBase + byte, 1), taken);
  if (failure || !*taken || writable) return failure;
  bool shared = false;
  failure = isLocked(descriptor, byte, 1, &shared);
  if (failure || shared) {
    *taken = false;
    unlock(descriptor, byte);
  }
  return failure;
}

Failure lockWaiting(int descriptor, uint64_t byte) {
  bool taken = false;
  return set(descriptor, F_OFD_SETLKW, range(F_WRLCK, kBase + byte, 1), &taken);
}

Failure unlock(int descriptor, uint64_t byte) {
  bool done = false;
  return set(descriptor, F_OFD_SETLK, range(F_UNLCK, kBase + byte, 1), &done);
}

Failure unlockAll(int descriptor) {
  bool done = false;
  return set(descriptor, F_OFD_SETLK, range(F_UNLCK, 0, 0), &done);
}

Failure isLocked(int descriptor, uint64_t byte, uint64_t count, bool* locked) {
  struct flock lock = range(F_WRLCK, kBase + byte, count);
  while (fcntl(descriptor, F_OFD_GETLK, &lock) != 0) {
    if (errno != EINTR) return Failure::of("fcntl");
  }
  *locked = lock.l_type != F_UNLCK;
  return {};
}

}  // namespace coppice
