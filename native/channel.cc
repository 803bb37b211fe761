#include "channel.h"

#include <utility>

namespace coppice {

std::shared_ptr<Channel> Channel::open(napi_env env) {
  auto channel = std::make_shared<Channel>();
  auto* held = new std::shared_ptr<Channel>(channel);
  napi_value name = nullptr;
  napi_create_string_utf8(env, "coppice", NAPI_AUTO_LENGTH, &name);
  const napi_status status =
      napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, held, finalize, nullptr,
                                      deliver, &channel->function_);
  if (status != napi_ok) {
    delete held;
    napi_throw_error(env, nullptr, "napi_create_threadsafe_function failed");
    return nullptr;
  }
  channel->open_ = true;
  napi_unref_threadsafe_function(env, channel->function_);
  return channel;
}

void Channel::post(std::unique_ptr<Completion> completion) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (!open_) return;
  const napi_status status =
      napi_call_threadsafe_function(function_, completion.get(), napi_tsfn_nonblocking);
  if (status == napi_ok) {
    completion.release();
  } else {
    // It is closing: this call was the last that it bears.
    open_ = false;
  }
}

void Channel::shut() {
  std::lock_guard<std::mutex> guard(mutex_);
  open_ = false;
}

void Channel::hold(napi_env env) {
  if (held_++ == 0) napi_ref_threadsafe_function(env, function_);
}

void Channel::letGo(napi_env env) {
  if (--held_ == 0) napi_unref_threadsafe_function(env, function_);
}

void Channel::deliver(napi_env env, napi_value, void*, void* data) {
  std::unique_ptr<Completion> completion(static_cast<Completion*>(data));
  if (env != nullptr) completion->deliver(env);
}

void Channel::finalize(napi_env, void* data, void*) {
  std::unique_ptr<std::shared_ptr<Channel>> held(static_cast<std::shared_ptr<Channel>*>(data));
  (*held)->shut();
}

napi_value KeptValue::get(napi_env env) const {
  napi_value value = nullptr;
  napi_get_reference_value(env, reference_, &value);
  return value;
}

void KeptValue::drop(napi_env env) {
  if (reference_ != nullptr) napi_delete_reference(env, reference_);
  reference_ = nullptr;
}

void callBack(napi_env env, const KeptValue& function, napi_value argument) {
  napi_value callee = function.get(env);
  napi_value receiver = nullptr;
  napi_get_undefined(env, &receiver);
  if (argument == nullptr) argument = receiver;
  if (callee == nullptr) return;
  if (napi_call_function(env, receiver, callee, 1, &argument, nullptr) != napi_pending_exception) {
    return;
  }
  napi_value error = nullptr;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

}  // namespace coppice
