#include "commit-thread.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include "fork.h"
#include "thread.h"

namespace coppice {

namespace {

// Never destroyed: used while the process exits.
template <typename State>
struct Running {
  std::mutex mutex;
  std::vector<std::weak_ptr<State>> states;

  static Running& only() {
    static Running* const made = new Running();
    return *made;
  }
};

}  // namespace

// process.exit() runs no clean-up of the main environment. A job that was queued may be about to
// publish what a caller was told to be on its way, so the process waits for it.
void CommitThread::drainAtExit() {
  if (forkedChild()) return;
  std::vector<std::weak_ptr<State>> states;
  {
    std::lock_guard<std::mutex> guard(Running<State>::only().mutex);
    states = Running<State>::only().states;
  }
  for (const std::weak_ptr<State>& entry : states) {
    const std::shared_ptr<State> state = entry.lock();
    if (state == nullptr) continue;
    std::unique_lock<std::mutex> guard(state->mutex);
    state->idle.wait(guard, [&] { return state->queue.empty(); });
  }
}

void CommitThread::announce(const std::shared_ptr<State>& state) {
  Running<State>& running = Running<State>::only();
  std::lock_guard<std::mutex> guard(running.mutex);
  static const int registered = std::atexit(drainAtExit);
  (void)registered;
  for (std::weak_ptr<State>& entry : running.states) {
    if (!entry.expired()) continue;
    entry = state;
    return;
  }
  running.states.push_back(state);
}

Failure CommitThread::submit(Job job, JobHost host, Finished finished) {
  std::unique_ptr<Entry> entry(new Entry{std::move(job), std::move(host), std::move(finished)});
  std::lock_guard<std::mutex> guard(state_->mutex);
  if (!state_->runs) {
    if (Failure failure = startThread([state = state_] { serve(state); })) return failure;
    state_->runs = true;
    announce(state_);
  }
  state_->queue.push_back(std::move(entry));
  state_->work.notify_one();
  return {};
}

void CommitThread::serve(const std::shared_ptr<State>& state) {
  std::unique_lock<std::mutex> guard(state->mutex);
  for (;;) {
    state->work.wait(guard, [&] { return !state->queue.empty() || state->stopping; });
    if (state->queue.empty()) break;
    const Entry& entry = *state->queue.front();
    guard.unlock();
    const Failure failure = runJob(entry.job, entry.host);
    guard.lock();
    // Out of the queue before it is told, so that pending() does not count a job that is known to
    // be done.
    std::unique_ptr<Entry> done = std::move(state->queue.front());
    state->queue.pop_front();
    if (state->queue.empty()) state->idle.notify_all();
    guard.unlock();
    done->finished(failure);
    done.reset();
    guard.lock();
  }
  state->runs = false;
  state->idle.notify_all();
}

void CommitThread::drain() {
  std::unique_lock<std::mutex> guard(state_->mutex);
  state_->idle.wait(guard, [this] { return state_->queue.empty(); });
}

void CommitThread::stop() {
  if (forkedChild()) return;
  std::unique_lock<std::mutex> guard(state_->mutex);
  state_->stopping = true;
  state_->work.notify_one();
  state_->idle.wait(guard, [this] { return !state_->runs; });
}

size_t CommitThread::pending() {
  std::lock_guard<std::mutex> guard(state_->mutex);
  return state_->queue.size();
}

}  // namespace coppice
