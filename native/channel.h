// The way from our threads to JavaScript of one environment: one thread-safe function, which keeps
// the event loop alive only while something is awaited. Bears an environment that goes away at any
// moment: what is posted then is dropped.
#pragma once

#include <napi.h>

#include <memory>
#include <mutex>

namespace coppice {

class Completion {
 public:
  virtual ~Completion() = default;
  // On the environment's own thread. Not called when the environment has gone.
  virtual void deliver(napi_env env) = 0;
};

class Channel {
 public:
  // None, with an exception pending, when it cannot be made.
  static std::shared_ptr<Channel> open(napi_env env);

  // On any thread.
  void post(std::unique_ptr<Completion> completion);
  // No completion is posted any more.
  void shut();

  // On the environment's thread: something is awaited; it has come.
  void hold(napi_env env);
  void letGo(napi_env env);

  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

 private:
  static void deliver(napi_env env, napi_value function, void* context, void* data);
  static void finalize(napi_env env, void* data, void* hint);

  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;
  bool open_ = false;
  int held_ = 0;
};

// A reference to a JavaScript value, made, read and dropped on its thread. A weak one does not keep
// the value, and gives null when it was collected. Not dropped when the environment goes, which
// frees it.
class KeptValue {
 public:
  void set(napi_env env, napi_value value) { napi_create_reference(env, value, 1, &reference_); }
  void setWeak(napi_env env, napi_value value) {
    napi_create_reference(env, value, 0, &reference_);
  }
  napi_value get(napi_env env) const;
  bool isSet() const { return reference_ != nullptr; }
  void drop(napi_env env);

 private:
  napi_ref reference_ = nullptr;
};

// Calls a function from the event loop. What it throws is an uncaught exception.
void callBack(napi_env env, const KeptValue& function, napi_value argument);

}  // namespace coppice
