#include "private-view.h"

#include <sys/mman.h>

#include <utility>

#include "channel.h"
#include "environment.h"
#include "errors.h"

namespace coppice {

namespace {

// What the constructor is to wrap, as for NativeFile.
struct Nascent {
  std::shared_ptr<PrivateMapping> mapping;
  size_t length = 0;
  napi_value released = nullptr;
};
thread_local Nascent* nascent = nullptr;

class ReleasedCompletion : public Completion {
 public:
  explicit ReleasedCompletion(KeptValue released) : released_(released) {}

  void deliver(napi_env env) override {
    callBack(env, released_, nullptr);
    released_.drop(env);
  }

 private:
  KeptValue released_;
};

}  // namespace

Failure PrivateMapping::make(int descriptor, uint64_t offset, size_t length,
                             std::shared_ptr<PrivateMapping>* out) {
  const uint64_t start = offset / osPageSize() * osPageSize();
  const size_t before = static_cast<size_t>(offset - start);
  std::shared_ptr<PrivateMapping> made(new PrivateMapping());
  const int flags = MAP_PRIVATE | MAP_NORESERVE;
  void* base = mmap(nullptr, before + length, PROT_READ | PROT_WRITE, flags, descriptor,
                    static_cast<off_t>(start));
  if (base == MAP_FAILED) return Failure::of("mmap");
  made->base_ = base;
  made->mapped_ = before + length;
  made->bytes_ = static_cast<uint8_t*>(base) + before;
  const size_t whole = (made->mapped_ + osPageSize() - 1) / osPageSize() * osPageSize();
  if (Failure failure =
          FaultGuard::take(static_cast<uint8_t*>(base), whole, true, &made->guard_)) {
    return failure;
  }
  *out = std::move(made);
  return {};
}

PrivateMapping::~PrivateMapping() {
  if (guard_ != nullptr) guard_->give();
  if (base_ != nullptr) munmap(base_, mapped_);
}

int32_t PrivateMapping::faults() const {
  return __atomic_load_n(guard_->words() + 1, __ATOMIC_SEQ_CST);
}

Napi::Function PrivateView::define(Napi::Env env) {
  return DefineClass(env, "NativeView",
                     {InstanceMethod("buffer", &PrivateView::buffer),
                      InstanceMethod("faults", &PrivateView::faults),
                      InstanceMethod("close", &PrivateView::close)});
}

Napi::Value PrivateView::make(Napi::Env env, const std::shared_ptr<PrivateMapping>& mapping,
                              size_t length, napi_value released) {
  Nascent made = {mapping, length, released};
  nascent = &made;
  Napi::Value view = Environment::of(env)->viewClass.New({});
  nascent = nullptr;
  return view;
}

PrivateView::PrivateView(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PrivateView>(info) {
  Napi::Env env = info.Env();
  Nascent* made = std::exchange(nascent, nullptr);
  if (made == nullptr) {
    throwType(env, "NativeView cannot be constructed; it is what view returns");
    return;
  }
  std::shared_ptr<Channel> channel = Environment::of(env)->channel(env);
  if (channel == nullptr) return;
  KeptValue told;
  told.set(env, made->released);
  std::shared_ptr<PrivateMapping> mapping = made->mapping;
  mapping_ = mapping;
  // The mapping goes first: whoever is told may count the views that are left.
  buffer_.makeWeak(env, mapping->bytes(), made->length, [mapping, channel, told]() mutable {
    mapping.reset();
    channel->post(std::make_unique<ReleasedCompletion>(told));
  });
}

Napi::Value PrivateView::buffer(const Napi::CallbackInfo& info) {
  return Napi::Value(info.Env(), buffer_.value(info.Env()));
}

Napi::Value PrivateView::faults(const Napi::CallbackInfo& info) {
  const std::shared_ptr<PrivateMapping> mapping = mapping_.lock();
  return Napi::Number::New(info.Env(), mapping == nullptr ? 0 : mapping->faults());
}

Napi::Value PrivateView::close(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), buffer_.detach(info.Env()));
}

}  // namespace coppice
