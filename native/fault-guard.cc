#include "fault-guard.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

namespace coppice {

namespace {

// One per data file mapped in this process, and one per lock file and handle; each is 16 KiB of
// address space, made when first needed.
constexpr size_t kGuards = 4096;
std::atomic<FaultGuard*> guards[kGuards];
std::atomic<size_t> guardsMade;

pthread_mutex_t handlerMutex = PTHREAD_MUTEX_INITIALIZER;
std::atomic<struct sigaction*> previous;  // whoever handled SIGBUS before us, last time we looked
std::atomic<struct sigaction*> original;  // the same, when we first looked

// Faults being passed on at this moment, by their contexts: a handler that we pass a fault to and
// that passes it back to us (it was installed over ours and keeps ours as its own predecessor) must
// not be called again for the same one.
std::atomic<void*> passing[16];

bool enter(void* context) {
  for (std::atomic<void*>& entry : passing) {
    if (entry.load() == context) return false;
  }
  for (std::atomic<void*>& entry : passing) {
    void* unused = nullptr;
    if (entry.compare_exchange_strong(unused, context)) return true;
  }
  return false;
}

void leave(void* context) {
  for (std::atomic<void*>& entry : passing) {
    void* found = context;
    if (entry.compare_exchange_strong(found, nullptr)) return;
  }
}

void callHandler(const struct sigaction& action, int signal, siginfo_t* info, void* context) {
  const bool detailed = (action.sa_flags & SA_SIGINFO) != 0;
  if (detailed && action.sa_sigaction != nullptr) {
    action.sa_sigaction(signal, info, context);
    return;
  }
  if (!detailed && action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) {
    action.sa_handler(signal);
    return;
  }
  // The default: the instruction faults again as soon as we return, and ends the process. A signal
  // that someone sent does not come again by itself.
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  sigemptyset(&standard.sa_mask);
  sigaction(signal, &standard, nullptr);
  if (info->si_code <= 0) raise(signal);
}

void onBusError(int signal, siginfo_t* info, void* context) {
  const int savedErrno = errno;
  const bool fault = info->si_code > 0;
  if (!fault || !FaultGuard::catchFault(reinterpret_cast<uintptr_t>(info->si_addr))) {
    if (enter(context)) {
      callHandler(*previous.load(), signal, info, context);
      leave(context);
    } else {
      callHandler(*original.load(), signal, info, context);
    }
  }
  errno = savedErrno;
}

bool isOurs(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == onBusError;
}

}  // namespace

size_t osPageSize() {
  static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

Failure FaultGuard::checkHandler() {
  pthread_mutex_lock(&handlerMutex);
  Failure failure;
  struct sigaction current = {};
  if (sigaction(SIGBUS, nullptr, &current) != 0) {
    failure = Failure::of("sigaction");
  } else if (!isOurs(current)) {
    // Never freed: a handler may be reading it. There are as many as others installed handlers.
    struct sigaction* kept = new struct sigaction(current);
    previous.store(kept);
    if (original.load() == nullptr) original.store(kept);
    struct sigaction ours = {};
    ours.sa_sigaction = onBusError;
    // On the alternate stack where the thread has one, as a fault may come with little stack left.
    // SIGBUS stays unblocked, since the handler we pass a fault to may leave by siglongjmp.
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&ours.sa_mask);
    if (sigaction(SIGBUS, &ours, nullptr) != 0) failure = Failure::of("sigaction");
  }
  pthread_mutex_unlock(&handlerMutex);
  return failure;
}

Failure FaultGuard::take(uint8_t* base, size_t length, bool writable, FaultGuard** out) {
  osPageSize();  // so that the handler finds its static made
  if (Failure failure = checkHandler()) return failure;
  for (size_t i = 0; i < kGuards; i++) {
    FaultGuard* guard = guards[i].load();
    if (guard == nullptr) {
      void* memory = mmap(nullptr, sizeof(FaultGuard), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (memory == MAP_FAILED) return Failure::of("mmap");
      guard = new (memory) FaultGuard();
      FaultGuard* none = nullptr;
      if (!guards[i].compare_exchange_strong(none, guard)) {
        munmap(memory, sizeof(FaultGuard));
        guard = none;
      }
      size_t made = guardsMade.load();
      while (made < i + 1 && !guardsMade.compare_exchange_weak(made, i + 1)) {
      }
    }
    bool free = false;
    if (!guard->taken_.compare_exchange_strong(free, true)) continue;
    guard->words_[0].store(0);
    guard->words_[1].store(0);
    guard->overflowed_.store(0);
    guard->overflowLow_.store(UINTPTR_MAX);
    guard->overflowHigh_.store(0);
    for (std::atomic<uintptr_t>& entry : guard->noted_) entry.store(0);
    guard->writable_.store(writable);
    guard->begin_.store(reinterpret_cast<uintptr_t>(base));
    guard->end_.store(reinterpret_cast<uintptr_t>(base) + length);
    *out = guard;
    return {};
  }
  return {ENFILE, "mmap"};
}

void FaultGuard::give() {
  end_.store(0);
  begin_.store(0);
  taken_.store(false);
}

FaultGuard* FaultGuard::find(uintptr_t address) {
  const size_t made = guardsMade.load();
  for (size_t i = 0; i < made; i++) {
    FaultGuard* guard = guards[i].load();
    if (guard != nullptr && address >= guard->begin_.load() && address < guard->end_.load()) {
      return guard;
    }
  }
  return nullptr;
}

bool FaultGuard::covers(const void* address) {
  return find(reinterpret_cast<uintptr_t>(address)) != nullptr;
}

bool FaultGuard::catchFault(uintptr_t address) {
  FaultGuard* guard = find(address);
  return guard != nullptr && guard->replace(address & ~(osPageSize() - 1));
}

bool FaultGuard::replace(uintptr_t page) {
  // Counted before the zeros can be read by anyone; noted last, as remap() takes away from the
  // count only what it finds noted.
  words_[0].fetch_add(1);
  words_[1].fetch_add(1);
  void* wanted = reinterpret_cast<void*>(page);
  const int protection = writable_.load() ? PROT_READ | PROT_WRITE : PROT_READ;
  void* zeros = mmap(wanted, osPageSize(), protection,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  if (zeros == MAP_FAILED) return false;
  // A page that is noted already is noted twice, never left out: remap() may be about to forget
  // the first note, of the fault before this one.
  for (std::atomic<uintptr_t>& entry : noted_) {
    uintptr_t unused = 0;
    if (entry.load() == 0 && entry.compare_exchange_strong(unused, page)) return true;
  }
  uintptr_t low = overflowLow_.load();
  while (page < low && !overflowLow_.compare_exchange_weak(low, page)) {
  }
  const uintptr_t after = page + osPageSize();
  uintptr_t high = overflowHigh_.load();
  while (after > high && !overflowHigh_.compare_exchange_weak(high, after)) {
  }
  overflowed_.fetch_add(1);
  return true;
}

bool FaultGuard::restore(uintptr_t page, size_t length, int descriptor) {
  const off_t offset = static_cast<off_t>(page - begin_.load());
  // Both ends must be readable, or the next touch would only fault again.
  char byte = 0;
  const off_t last = offset + static_cast<off_t>(length - osPageSize());
  if (pread(descriptor, &byte, 1, offset) != 1 || pread(descriptor, &byte, 1, last) != 1) {
    return false;
  }
  void* wanted = reinterpret_cast<void*>(page);
  return mmap(wanted, length, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, descriptor,
              offset) != MAP_FAILED;
}

void FaultGuard::remapOverflow(int descriptor) {
  const int32_t count = overflowed_.exchange(0);
  if (count == 0) return;
  const uintptr_t low = overflowLow_.exchange(UINTPTR_MAX);
  const uintptr_t high = overflowHigh_.exchange(0);
  if (low < high && restore(low, high - low, descriptor)) {
    words_[0].fetch_sub(count);
    return;
  }
  uintptr_t seen = overflowLow_.load();
  while (low < seen && !overflowLow_.compare_exchange_weak(seen, low)) {
  }
  seen = overflowHigh_.load();
  while (high > seen && !overflowHigh_.compare_exchange_weak(seen, high)) {
  }
  overflowed_.fetch_add(count);
}

int32_t FaultGuard::remap(int descriptor) {
  if (!anyReplaced()) return 0;
  for (std::atomic<uintptr_t>& entry : noted_) {
    const uintptr_t page = entry.load();
    if (page == 0 || !restore(page, osPageSize(), descriptor)) continue;
    entry.store(0);
    words_[0].fetch_sub(1);
  }
  remapOverflow(descriptor);
  return words_[0].load();
}

}  // namespace coppice
