#include "word-wait.h"

#include <chrono>
#include <utility>

#include "fork.h"
#include "futex.h"
#include "thread.h"

namespace coppice {

namespace {

// Longer than anybody looks on for system calls of a process that is idle; how late a change is told
// of whose writer was killed before it could wake, when no other writer comes.
constexpr int kAnewMs = 30000;

// How often close() tries to wake its thread, a millisecond apart. In vain when the page was cut off
// under a wait: the kernel does not find those who wait there any more.
constexpr int kTries = 200;

}  // namespace

Failure WordWait::begin(Request request) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (!runs_) {
    if (Failure failure = startThread([self = shared_from_this()] { self->serve(); })) {
      return failure;
    }
    runs_ = true;
  }
  request_ = std::move(request);
  asked_ = true;
  work_.notify_one();
  return {};
}

void WordWait::serve() {
  std::unique_lock<std::mutex> guard(mutex_);
  for (;;) {
    work_.wait(guard, [this] { return asked_ || closed_; });
    if (closed_) break;
    asked_ = false;
    const Request request = request_;
    request_.done = nullptr;  // its word stays, for close()
    guard.unlock();
    await(request);
    if (!closed_) request.done();
    guard.lock();
  }
  memory_.reset();
  runs_ = false;
  ended_.notify_all();
}

void WordWait::await(const Request& request) {
  for (;;) {
    __atomic_fetch_add(request.waits, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(request.word, __ATOMIC_SEQ_CST) != request.seen) return;
    if (closed_ || memory_->guard->anyReplaced()) return;
    waitOnWord(request.word, request.seen, kAnewMs);
  }
}

void WordWait::close() {
  std::unique_lock<std::mutex> guard(mutex_);
  closed_ = true;
  work_.notify_one();
  // The threads of a parent do not live in its forked child.
  for (int i = 0; i < kTries && runs_ && !forkedChild(); i++) {
    // Again and again: the thread may be about to wait, and has looked at `closed_` before. Others
    // who wait on the word find it as it was, and go on.
    if (request_.word != nullptr) wakeOnWord(request_.word);
    ended_.wait_for(guard, std::chrono::milliseconds(1));
  }
}

}  // namespace coppice
