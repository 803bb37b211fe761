// The thread of one handle that runs its jobs, in order. Started with the first job.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "failure.h"
#include "job.h"

namespace coppice {

class CommitThread {
 public:
  using Finished = std::function<void(Failure)>;

  // Queues a job; `finished` is called on the thread, once. EAGAIN when no thread can be started:
  // then nothing was queued.
  Failure submit(Job job, JobHost host, Finished finished);

  // Waits until every queued job is done.
  void drain();

  // Drains, and ends the thread. Nothing may be submitted any more.
  void stop();

  // Jobs queued or running.
  size_t pending();

  CommitThread() = default;
  ~CommitThread() { stop(); }
  CommitThread(const CommitThread&) = delete;
  CommitThread& operator=(const CommitThread&) = delete;

 private:
  struct Entry {
    Job job;
    JobHost host;
    Finished finished;
  };
  // Shared with the thread, which outlives this object by a moment.
  struct State {
    std::mutex mutex;
    std::condition_variable work;
    std::condition_variable idle;
    std::deque<std::unique_ptr<Entry>> queue;  // the one that runs stays in front
    bool stopping = false;
    bool runs = false;
  };

  static void serve(const std::shared_ptr<State>& state);
  static void drainAtExit();
  static void announce(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace coppice
