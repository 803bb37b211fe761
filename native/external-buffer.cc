#include "external-buffer.h"

#include "errors.h"

namespace coppice {

namespace {

void keepMemory(napi_env, void*, void*) {}

void adjust(napi_env env, int64_t bytes) {
  int64_t total = 0;
  napi_adjust_external_memory(env, bytes, &total);
}

}  // namespace

ExternalBuffer::~ExternalBuffer() {
  if (env_ != nullptr) napi_remove_env_cleanup_hook(env_, onEnvironmentGone, this);
}

bool ExternalBuffer::make(napi_env env, void* data, size_t length) {
  napi_value buffer = nullptr;
  const napi_status status =
      napi_create_external_arraybuffer(env, data, length, keepMemory, nullptr, &buffer);
  if (status == napi_no_external_buffers_allowed) {
    throwCoded(env, "ERR_NO_EXTERNAL_BUFFERS",
               "This build of Node.js refuses ArrayBuffers over memory outside its own heap "
               "(the memory cage of Electron and of V8's sandbox): no file can be mapped in it");
    return false;
  }
  if (status != napi_ok) {
    bool pending = false;
    napi_is_exception_pending(env, &pending);
    if (!pending) napi_throw_error(env, nullptr, "napi_create_external_arraybuffer failed");
    return false;
  }
  // A segment of 1 GiB counted as V8's own memory would force a full garbage collection.
  adjust(env, -static_cast<int64_t>(length));
  buffer_.set(env, buffer);
  length_ = length;
  env_ = env;
  // Added after the hook with which Node detaches the buffer, and so run before it: V8 takes the
  // length away from the total then, which must not fall below zero.
  napi_add_env_cleanup_hook(env, onEnvironmentGone, this);
  return true;
}

void ExternalBuffer::detach(napi_env env) {
  if (env_ == nullptr) return;
  napi_remove_env_cleanup_hook(env, onEnvironmentGone, this);
  env_ = nullptr;
  adjust(env, static_cast<int64_t>(length_));
  napi_handle_scope scope = nullptr;
  napi_open_handle_scope(env, &scope);
  napi_detach_arraybuffer(env, buffer_.get(env));
  buffer_.drop(env);
  napi_close_handle_scope(env, scope);
}

void ExternalBuffer::onEnvironmentGone(void* self) {
  auto* buffer = static_cast<ExternalBuffer*>(self);
  adjust(buffer->env_, static_cast<int64_t>(buffer->length_));
  buffer->env_ = nullptr;
}

}  // namespace coppice
