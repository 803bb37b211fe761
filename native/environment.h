// What the addon keeps for one environment (the main thread or a worker): the classes it made, the
// channel to its JavaScript, and what is open in it.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "channel.h"
#include "fault-guard.h"
#include "fork.h"

namespace coppice {

// What is open in an environment, and must be put in order before that goes.
class Resident {
 public:
  virtual ~Resident() = default;
  // On the environment's thread, when no JavaScript runs any more. Must not call it.
  virtual void leave() = 0;
};

// Memory shared with other processes, mapped by this one.
struct SharedMemory {
  void* base = nullptr;
  size_t bytes = 0;
  bool writable = false;
  FaultGuard* guard = nullptr;
  ~SharedMemory();
};

class Environment {
 public:
  explicit Environment(Napi::Env env);
  static Environment* of(napi_env env);

  // None, with an exception pending, when it cannot be made.
  std::shared_ptr<Channel> channel(napi_env env);

  void enter(Resident* resident) { residents_.insert(resident); }
  void leave(Resident* resident) { residents_.erase(resident); }

  void enter(const std::shared_ptr<SharedMemory>& memory);
  // The shared memory that an address lies in, if any.
  std::shared_ptr<SharedMemory> memoryAt(const void* address);

  // Lets V8 count so many bytes more than there are, once for all: see external-buffer.h.
  void leaveCounted(napi_env env, int64_t bytes);

  Napi::FunctionReference fileClass;
  Napi::FunctionReference wordsClass;
  Napi::FunctionReference viewClass;

 private:
  static void onEnvironmentGone(void* self);

  std::shared_ptr<Channel> channel_;
  std::set<Resident*> residents_;
  std::vector<std::weak_ptr<SharedMemory>> memories_;
  int64_t counted_ = 0;
};

// Tells V8 that so many bytes more hang on its objects, or fewer.
void adjustExternalMemory(napi_env env, int64_t bytes);

}  // namespace coppice
