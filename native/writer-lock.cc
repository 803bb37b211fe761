#include "writer-lock.h"

#include <algorithm>
#include <utility>

#include "locks.h"
#include "thread.h"

namespace coppice {

WriterLock::WriterLock(std::shared_ptr<Descriptor> descriptor)
    : descriptor_(std::move(descriptor)), number_(descriptor_->number()) {}

WriterLock::Clock::time_point WriterLock::after(double timeoutMs) {
  constexpr double kForever = 1e12;  // 31 years; far from the end of the clock
  return Clock::now() + std::chrono::microseconds(
                            static_cast<int64_t>(std::min(timeoutMs, kForever) * 1000));
}

void WriterLock::settle(Requests& requests, Failure failure) {
  for (const std::shared_ptr<Request>& request : requests) {
    if (request->done) request->done(failure);
  }
}

Failure WriterLock::tryLocked(bool* taken) {
  *taken = true;
  if (count_ > 0) {
    count_++;
    return {};
  }
  *taken = false;
  if (waiting_) return {};
  bool held = false;
  if (Failure failure = isLocked(number_, kNextByte, kPlaces, &held)) return failure;
  if (held) return {};
  if (Failure failure = tryLock(number_, true, kWriterByte, taken)) return failure;
  if (*taken) count_ = 1;
  return {};
}

void WriterLock::acquire(double timeoutMs, Done done) {
  Guard guard(mutex_);
  Failure failure = closed_ ? Failure{ECANCELED, "fcntl"} : Failure();
  bool taken = false;
  if (!failure) failure = tryLocked(&taken);
  if (!failure && !taken && timeoutMs <= 0) failure = {ETIMEDOUT, "fcntl"};
  if (!failure && !taken) failure = startWaiting();
  if (!failure && !taken && !watcherRuns_) {
    failure = startThread([self = shared_from_this()] { self->watch(); });
    watcherRuns_ = !failure;
  }
  if (failure || taken) {
    guard.unlock();
    done(failure);
    return;
  }
  auto request = std::make_shared<Request>();
  request->deadline = after(timeoutMs);
  request->done = std::move(done);
  requests_.push_back(std::move(request));
  hurry_.notify_one();
}

Failure WriterLock::acquireHere(double timeoutMs, double sliceMs, bool* taken) {
  Guard guard(mutex_);
  *taken = false;
  if (closed_) return {ECANCELED, "fcntl"};
  if (here_ == nullptr) {
    Failure failure = tryLocked(taken);
    if (failure || *taken) return failure;
    if (timeoutMs <= 0) return {ETIMEDOUT, "fcntl"};
    if ((failure = startWaiting())) return failure;
    here_ = std::make_shared<Request>();
    here_->deadline = after(timeoutMs);
    requests_.push_back(here_);
  }
  const std::shared_ptr<Request> request = here_;
  settled_.wait_until(guard, std::min(request->deadline, after(sliceMs)),
                      [&request] { return request->settled; });
  if (!request->settled && Clock::now() < request->deadline) return {};
  here_.reset();
  if (!request->settled) {
    requests_.remove(request);
    return {ETIMEDOUT, "fcntl"};
  }
  *taken = !request->failure;
  return request->failure;
}

Failure WriterLock::tryAcquire(bool* taken) {
  Guard guard(mutex_);
  if (closed_) return {ECANCELED, "fcntl"};
  return tryLocked(taken);
}

void WriterLock::release() {
  Guard guard(mutex_);
  if (closed_ || count_ == 0) return;
  if (--count_ == 0) unlock(number_, kWriterByte);
}

Failure WriterLock::awaited(bool* waits) {
  Guard guard(mutex_);
  if (closed_) return {ECANCELED, "fcntl"};
  return isLocked(number_, kNextByte, kPlaces, waits);
}

bool WriterLock::closed() {
  Guard guard(mutex_);
  return closed_;
}

void WriterLock::close() {
  Requests orphans;
  {
    Guard guard(mutex_);
    if (closed_) return;
    closed_ = true;
    count_ = 0;
    unlockAll(number_);
    orphans.swap(requests_);
    for (const std::shared_ptr<Request>& request : orphans) {
      request->settled = true;
      request->failure = {ECANCELED, "fcntl"};
    }
    work_.notify_all();
    hurry_.notify_all();
    settled_.notify_all();
    // Threads that do not stand in the kernel are gone in a moment, and the descriptor with them.
    settled_.wait(guard, [this] { return (waiting_ || !waiterRuns_) && !watcherRuns_; });
    if (!waiting_) descriptor_.reset();
  }
  settle(orphans, {ECANCELED, "fcntl"});
}

Failure WriterLock::startWaiting() {
  if (waiting_) return {};
  if (!waiterRuns_) {
    if (Failure failure = startThread([self = shared_from_this()] { self->wait(); })) {
      return failure;
    }
    waiterRuns_ = true;
  }
  // The place in the line is taken now, not when the thread gets to run: until then others pass.
  if (Failure failure = tryLock(number_, true, kEntrance, &entered_)) return failure;
  waiting_ = true;
  work_.notify_one();
  return {};
}

Failure WriterLock::passLine(Guard& guard, bool* locked) {
  *locked = false;
  uint64_t held = kEntrance;
  Failure failure;
  if (!entered_) {
    guard.unlock();
    failure = lockWaiting(number_, held);
    guard.lock();
  }
  entered_ = false;
  while (!failure && held != kWriterByte) {
    if (closed_ || requests_.empty()) {
      unlock(number_, held);
      return {};
    }
    guard.unlock();
    failure = lockWaiting(number_, held - 1);
    unlock(number_, held);
    guard.lock();
    held--;
  }
  *locked = !failure;
  return failure;
}

void WriterLock::wait() {
  Guard guard(mutex_);
  for (;;) {
    work_.wait(guard, [this] { return waiting_ || closed_; });
    if (!waiting_) break;
    bool locked = false;
    const Failure failure = passLine(guard, &locked);
    waiting_ = false;
    if (closed_) {
      unlockAll(number_);
      descriptor_.reset();
      break;
    }
    Requests served;
    served.swap(requests_);
    if (locked && served.empty()) unlock(number_, kWriterByte);
    if (locked) count_ = served.size();
    for (const std::shared_ptr<Request>& request : served) {
      request->settled = true;
      request->failure = failure;
    }
    settled_.notify_all();
    guard.unlock();
    settle(served, failure);
    served.clear();
    guard.lock();
  }
  waiterRuns_ = false;
  settled_.notify_all();
}

void WriterLock::watch() {
  Guard guard(mutex_);
  while (!closed_) {
    Clock::time_point next = Clock::time_point::max();
    for (const std::shared_ptr<Request>& request : requests_) {
      if (request->done) next = std::min(next, request->deadline);
    }
    if (next == Clock::time_point::max()) {
      hurry_.wait(guard);
      continue;
    }
    hurry_.wait_until(guard, next);
    const Clock::time_point now = Clock::now();
    Requests late;
    for (auto entry = requests_.begin(); entry != requests_.end();) {
      auto following = std::next(entry);
      if ((*entry)->done && (*entry)->deadline <= now) {
        late.splice(late.end(), requests_, entry);
      }
      entry = following;
    }
    if (late.empty()) continue;
    guard.unlock();
    settle(late, {ETIMEDOUT, "fcntl"});
    late.clear();
    guard.lock();
  }
  watcherRuns_ = false;
  settled_.notify_all();
}

}  // namespace coppice
