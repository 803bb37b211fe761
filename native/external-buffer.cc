#include "external-buffer.h"

#include <memory>
#include <utility>

#include "environment.h"
#include "errors.h"

namespace coppice {

ExternalBuffer::~ExternalBuffer() {
  if (env_ != nullptr) napi_remove_env_cleanup_hook(env_, onEnvironmentGone, this);
}

bool ExternalBuffer::make(napi_env env, void* data, size_t length) {
  return makeCounted(env, data, length, std::make_shared<Account>(), false);
}

bool ExternalBuffer::makeWeak(napi_env env, void* data, size_t length,
                              std::function<void()> released) {
  auto account = std::make_shared<Account>();
  account->released = std::move(released);
  return makeCounted(env, data, length, std::move(account), true);
}

bool ExternalBuffer::makeCounted(napi_env env, void* data, size_t length,
                                 std::shared_ptr<Account> account, bool weak) {
  // Node's from here on, but where it refuses such buffers: it calls onReleased even for one that it
  // could not make.
  auto* shared = new std::shared_ptr<Account>(account);
  napi_value buffer = nullptr;
  const napi_status status =
      napi_create_external_arraybuffer(env, data, length, onReleased, shared, &buffer);
  if (status == napi_no_external_buffers_allowed) {
    onReleased(env, data, shared);
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
  account_ = std::move(account);
  account_->taken = static_cast<int64_t>(length);
  Environment::of(env)->leaveCounted(env, account_->taken);
  adjustExternalMemory(env, -account_->taken);
  if (weak) {
    buffer_.setWeak(env, buffer);
  } else {
    buffer_.set(env, buffer);
  }
  env_ = env;
  napi_add_env_cleanup_hook(env, onEnvironmentGone, this);
  return true;
}

bool ExternalBuffer::detach(napi_env env) {
  if (env_ == nullptr) return false;
  napi_remove_env_cleanup_hook(env, onEnvironmentGone, this);
  env_ = nullptr;
  napi_handle_scope scope = nullptr;
  napi_open_handle_scope(env, &scope);
  napi_value buffer = buffer_.get(env);
  bool gone = buffer == nullptr;
  if (!gone) napi_is_detached_arraybuffer(env, buffer, &gone);
  if (!gone) {
    adjustExternalMemory(env, account_->taken);
    account_->taken = 0;
    napi_detach_arraybuffer(env, buffer);
  }
  buffer_.drop(env);
  napi_close_handle_scope(env, scope);
  return !gone;
}

void ExternalBuffer::onReleased(napi_env env, void*, void* shared) {
  const std::unique_ptr<std::shared_ptr<Account>> owned(
      static_cast<std::shared_ptr<Account>*>(shared));
  Account& account = **owned;
  if (account.taken != 0) adjustExternalMemory(env, account.taken);
  account.taken = 0;
  if (account.released) account.released();
  account.released = nullptr;
}

// Node has detached the buffer, and told of it.
void ExternalBuffer::onEnvironmentGone(void* self) {
  static_cast<ExternalBuffer*>(self)->env_ = nullptr;
}

}  // namespace coppice
