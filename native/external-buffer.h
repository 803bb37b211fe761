// An ArrayBuffer over memory that is ours, for one environment. V8 is told that it does not own the
// memory, and the ArrayBuffer is detached when the memory goes, so that what JavaScript still has
// of it reads undefined.
//
// V8 adds the length of each buffer to a total, from which it takes it away again when the buffer
// is detached, and which must not fall below zero: V8 of Node 24 ends the process then. We take
// every length away at once, or the file would count as memory that a collection could free. When
// an environment ends, Node detaches its buffers one after the other, before it calls any hook of
// ours, and tells of each right after: there we add the length again. So that the first one can be
// taken away too, the length of the largest buffer is left in the total for good.
#pragma once

#include <napi.h>

#include <cstddef>
#include <functional>
#include <memory>

#include "channel.h"

namespace coppice {

class ExternalBuffer {
 public:
  ExternalBuffer() = default;
  ~ExternalBuffer();
  ExternalBuffer(const ExternalBuffer&) = delete;
  ExternalBuffer& operator=(const ExternalBuffer&) = delete;

  // False with an exception pending; ERR_NO_EXTERNAL_BUFFERS where the host refuses them all.
  bool make(napi_env env, void* data, size_t length);
  // The same, but JavaScript alone keeps the ArrayBuffer. `released` is called when V8 has let go
  // of the memory, on the environment's thread, outside of JavaScript, also when this fails.
  bool makeWeak(napi_env env, void* data, size_t length, std::function<void()> released);
  // Null when it is weak and was collected.
  napi_value value(napi_env env) const { return buffer_.get(env); }
  // To be called before the memory goes, on the environment's thread. Returns whether there was
  // anything to detach: of a weak one JavaScript may have moved the memory to another ArrayBuffer.
  bool detach(napi_env env);

 private:
  // What has been taken away for one buffer; lives until Node tells that V8 has let go of it.
  struct Account {
    int64_t taken = 0;
    std::function<void()> released;
  };

  bool makeCounted(napi_env env, void* data, size_t length, std::shared_ptr<Account> account,
                   bool weak);

  static void onReleased(napi_env env, void* data, void* account);
  static void onEnvironmentGone(void* self);

  napi_env env_ = nullptr;  // none when not made, detached, or the environment has gone
  KeptValue buffer_;
  std::shared_ptr<Account> account_;
};

}  // namespace coppice
