// An ArrayBuffer over memory that is ours, for one environment. V8 is told that it does not own the
// memory, and the ArrayBuffer is detached when the memory goes, so that what JavaScript still has
// of it reads undefined.
#pragma once

#include <napi.h>

#include <cstddef>

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
  napi_value value(napi_env env) const { return buffer_.get(env); }
  // To be called before the memory goes, on the environment's thread.
  void detach(napi_env env);

 private:
  static void onEnvironmentGone(void* self);

  napi_env env_ = nullptr;  // none when not made, detached, or the environment has gone
  KeptValue buffer_;
  size_t length_ = 0;
};

}  // namespace coppice
