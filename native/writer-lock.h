// The writer lock of one handle: the OFD lock `writer`, a line of places before it, each an OFD lock
// too, and the thread that waits for them.
//
// Who cannot have `writer` at once locks the place at the entrance, then the one before it, and lets
// go of the first, and so on to `writer`: nobody overtakes in the line. Who finds a place held does
// not try `writer`, so a holder that releases and asks again, over and over, still lets the next one
// in. Where more wait than there are places, those before the entrance race for it.
//
// Invariants:
// 1. The kernel's wait cannot be broken off portably. A request whose time is up leaves the thread
//    waiting; the next request adopts that wait; a lock that arrives for nobody is given back.
// 2. While the thread waits, nobody else of this handle touches these locks, and `count_` is 0.
// 3. After close() this description holds no lock, but for the moment in which a wait that was
//    still blocked ends: the waiting thread then gives back what it got, and the descriptor goes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>

#include "failure.h"
#include "fork.h"

namespace coppice {

class WriterLock : public std::enable_shared_from_this<WriterLock> {
 public:
  // Called once, on any thread, with no lock of ours held.
  using Done = std::function<void(Failure)>;

  explicit WriterLock(std::shared_ptr<Descriptor> descriptor);

  // Tells `done` when this handle holds the lock once more, or ETIMEDOUT after `timeoutMs`, or
  // ECANCELED when it is closed first.
  void acquire(double timeoutMs, Done done);
  // The same, waiting here, but for `sliceMs` at most: then `*taken` is false, the request keeps its
  // place in the line and its deadline, and the next call goes on with it.
  Failure acquireHere(double timeoutMs, double sliceMs, bool* taken);
  // Without waiting; true also when this handle holds it already.
  Failure tryAcquire(bool* taken);
  // Gives one acquisition back; nothing when there is none.
  void release();
  // Whether another handle stands in the line.
  Failure awaited(bool* waits);

  // Drops every lock of the description, fails the requests, and lets go of the descriptor.
  void close();
  bool closed();

 private:
  using Clock = std::chrono::steady_clock;
  using Guard = std::unique_lock<std::mutex>;
  struct Request {
    Clock::time_point deadline;
    Done done;  // none: someone waits for `settled`
    bool settled = false;
    Failure failure;
  };
  using Requests = std::list<std::shared_ptr<Request>>;

  static Clock::time_point after(double timeoutMs);
  static void settle(Requests& requests, Failure failure);
  // Takes the lock, or says whether to wait.
  Failure tryLocked(bool* taken);
  Failure startWaiting();
  void wait();
  void watch();
  // Waits in the line. Leaves `writer` locked, or not when the wait has lost its purpose.
  Failure passLine(Guard& guard, bool* locked);

  std::mutex mutex_;
  std::condition_variable work_;     // for the waiting thread
  std::condition_variable hurry_;    // for the thread that watches deadlines
  std::condition_variable settled_;  // for acquireHere and close
  std::shared_ptr<Descriptor> descriptor_;
  const int number_;
  Requests requests_;
  std::shared_ptr<Request> here_;  // that of acquireHere, from its first slice to its last
  size_t count_ = 0;
  bool waiting_ = false;
  bool entered_ = false;  // the entrance is held by the request that began the wait
  bool closed_ = false;
  bool waiterRuns_ = false;
  bool watcherRuns_ = false;
};

}  // namespace coppice
