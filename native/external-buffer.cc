#include "external-buffer.h"

#include <memory>

#include "environment.h"
#include "errors.h"

namespace coppice {

ExternalBuffer::~ExternalBuffer() {
  if (env_ != nullptr) napi_remove_env_cleanup_hook(env_, onEnvironmentGone, this);
}

bool ExternalBuffer::make(napi_env env, void* data, size_t length) {
  // Node's from here on, but where it refuses such buffers: it calls onReleased even for one that it
  // could not make.
  auto* account = new Account();
  napi_value buffer = nullptr;
  const napi_status status =
      napi_create_external_arraybuffer(env, data, length, onReleased, account, &buffer);
  if (status == napi_no_external_buffers_allowed) {
    delete account;
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
  account_ = account;
  account_->taken = static_cast<int64_t>(length);
  Environment::of(env)->leaveCounted(env, account_->taken);
  adjustExternalMemory(env, -account_->taken);
  buffer_.set(env, buffer);
  env_ = env;
  napi_add_env_cleanup_hook(env, onEnvironmentGone, this);
  return true;
}

void ExternalBuffer::detach(napi_env env) {
  if (env_ == nullptr) return;
  napi_remove_env_cleanup_hook(env, onEnvironmentGone, this);
  env_ = nullptr;
  adjustExternalMemory(env, account_->taken);
  account_->taken = 0;
  napi_handle_scope scope = nullptr;
  napi_open_handle_scope(env, &scope);
  napi_detach_arraybuffer(env, buffer_.get(env));
  buffer_.drop(env);
  napi_close_handle_scope(env, scope);
}

void ExternalBuffer::onReleased(napi_env env, void*, void* account) {
  const std::unique_ptr<Account> owned(static_cast<Account*>(account));
  if (owned->taken != 0) adjustExternalMemory(env, owned->taken);
}

// Node has detached the buffer, and told of it.
void ExternalBuffer::onEnvironmentGone(void* self) {
  static_cast<ExternalBuffer*>(self)->env_ = nullptr;
}

}  // namespace coppice
