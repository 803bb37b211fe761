// The thread of one handle that waits for a word of shared memory to change. Started with the first
// wait, and asleep between two.
//
// The word never has the same value twice. Beside it lie two more words, so that whoever changes it
// makes a system call only when somebody waits: `waits` is counted up before each look at the word,
// and whoever wakes notes in `woken` the count that it has woken (Op::Wake).
//
// Invariants:
// 1. `waits` is counted before the word is looked at, and a waker stores the word before it looks at
//    `waits`. So either the waker finds the wait, or the wait finds the new word: the kernel looks at
//    it once more, when a wake can no longer be missed.
// 2. `woken` never has a count that was not woken. A waker that dies between its store and the wake
//    leaves them different, and the next one wakes; a waiter that dies costs one wake.
// 3. Where nobody comes after a dead waker, the wait begins anew every kAnewMs, and finds the word.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "environment.h"
#include "failure.h"

namespace coppice {

class WordWait : public std::enable_shared_from_this<WordWait> {
 public:
  struct Request {
    int32_t* word = nullptr;
    int32_t* waits = nullptr;
    int32_t seen = 0;
    // Called on the thread; not when it is closed first.
    std::function<void()> done;
  };

  explicit WordWait(std::shared_ptr<SharedMemory> memory) : memory_(std::move(memory)) {}

  // Tells `done` once when the word is not `seen`, or the memory is not whole any more. To be called
  // again only after that. EAGAIN when no thread can be started: then nothing is waited for.
  Failure begin(Request request);

  // Ends the thread, and waits for that, but not for one whose page was cut off under its wait: that
  // ends when its wait does. Whatever it waits for is not told.
  void close();

 private:
  void serve();
  void await(const Request& request);

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable ended_;
  std::shared_ptr<SharedMemory> memory_;
  Request request_;
  bool asked_ = false;
  bool runs_ = false;
  std::atomic<bool> closed_{false};
};

}  // namespace coppice
