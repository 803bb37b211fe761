#include "shared-words.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "arguments.h"
#include "errors.h"
#include "file-io.h"
#include "file.h"
#include "locks.h"
#include "open.h"

namespace coppice {

namespace {

struct Nascent {
  std::shared_ptr<Descriptor> descriptor;
  std::shared_ptr<SharedMemory> memory;
};
thread_local Nascent* nascent = nullptr;

// Writes zeros from the end of the file up to `wanted`: blocks that a full disk cannot refuse
// later, when a store through the mapping would raise SIGBUS. One process at a time, or the zeros of one
// could fall on words that another has stored already.
Failure fill(int descriptor, uint64_t wanted) {
  constexpr int kTries = 5000;  // of a millisecond; the holder writes a few pages
  bool locked = false;
  for (int i = 0; i < kTries && !locked; i++) {
    if (Failure failure = tryLock(descriptor, true, kWriterByte, &locked)) return failure;
    if (!locked) usleep(1000);
  }
  if (!locked) return {EAGAIN, "fcntl"};
  uint64_t size = 0;
  Failure failure = fileExtent(descriptor, &size);
  if (!failure && size < wanted) {
    failure = writeZeros(descriptor, size, wanted - size);
  }
  unlock(descriptor, kWriterByte);
  return failure;
}

Failure mapWords(int descriptor, size_t bytes, bool write, std::shared_ptr<SharedMemory>* out) {
  const int protection = write ? PROT_READ | PROT_WRITE : PROT_READ;
  void* base = mmap(nullptr, bytes, protection, MAP_SHARED, descriptor, 0);
  if (base == MAP_FAILED) return Failure::of("mmap");
  *out = std::make_shared<SharedMemory>();
  (*out)->base = base;
  (*out)->bytes = bytes;
  return FaultGuard::take(static_cast<uint8_t*>(base), bytes, write, &(*out)->guard);
}

}  // namespace

Napi::Function SharedWords::define(Napi::Env env) {
  return DefineClass(env, "NativeSharedWords",
                     {InstanceMethod("status", &SharedWords::status),
                      InstanceMethod("isWhole", &SharedWords::isWhole),
                      InstanceMethod("close", &SharedWords::close)});
}

Napi::Value SharedWords::make(Napi::Env env, std::shared_ptr<Descriptor> descriptor,
                              std::shared_ptr<SharedMemory> memory) {
  Nascent made = {std::move(descriptor), std::move(memory)};
  nascent = &made;
  Napi::Value words = Environment::of(env)->wordsClass.New({});
  nascent = nullptr;
  return words;
}

SharedWords::SharedWords(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SharedWords>(info) {
  Napi::Env env = info.Env();
  Nascent* made = std::exchange(nascent, nullptr);
  if (made == nullptr) {
    throwType(env, "NativeSharedWords cannot be constructed; it is what openShared returns");
    return;
  }
  if (!buffer_.make(env, made->memory->base, made->memory->bytes)) return;
  napi_value words = nullptr;
  napi_create_typedarray(env, napi_int32_array, made->memory->bytes / sizeof(int32_t),
                         buffer_.value(env), 0, &words);
  info.This().As<Napi::Object>().DefineProperty(
      Napi::PropertyDescriptor::Value("words", Napi::Value(env, words), napi_enumerable));
  environment_ = Environment::of(env);
  descriptor_ = std::move(made->descriptor);
  memory_ = std::move(made->memory);
  environment_->enter(memory_);
  environment_->enter(this);
  Ref();
}

Napi::Value SharedWords::status(const Napi::CallbackInfo& info) {
  if (forkedChild()) {
    throwCoded(info.Env(), "ERR_FORKED", "opened by a process of which this is a fork");
    return Napi::Value();
  }
  if (descriptor_ == nullptr) {
    throwCoded(info.Env(), "ERR_CLOSED", "the shared words are closed");
    return Napi::Value();
  }
  return statusOf(info.Env(), descriptor_->number());
}

Napi::Value SharedWords::isWhole(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), memory_ == nullptr || !memory_->guard->anyReplaced());
}

Napi::Value SharedWords::close(const Napi::CallbackInfo& info) {
  if (descriptor_ == nullptr) return Napi::Value();
  buffer_.detach(info.Env());
  environment_->leave(this);
  leave();
  Unref();
  return Napi::Value();
}

void SharedWords::leave() {
  // A job that still stores into the words keeps the memory.
  memory_.reset();
  descriptor_.reset();
}

Napi::Value exportOpenShared(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string path;
  uint64_t bytes = 0;
  bool create = false;
  bool write = false;
  constexpr double kLargest = 1073741824.0;
  const bool anonymous = isNullish(env, info[0]);
  if (!anonymous && !readPath(env, info[0], "path", &path)) return Napi::Value();
  if (!readInteger(env, info[1], "sizeBytes", sizeof(int32_t), kLargest, &bytes)) {
    return Napi::Value();
  }
  if (bytes % sizeof(int32_t) != 0) {
    throwRange(env, "sizeBytes must be a multiple of 4");
    return Napi::Value();
  }
  if (!readFlag(env, info[2], "create", &create)) return Napi::Value();
  if (!readFlag(env, info[2], "write", &write)) return Napi::Value();
  std::shared_ptr<Descriptor> descriptor;
  std::shared_ptr<SharedMemory> memory;
  const int flags = (write ? O_RDWR : O_RDONLY) | (write && create ? O_CREAT : 0);
  Failure failure = anonymous ? openMemory(&descriptor) : openPath(path, flags, &descriptor);
  uint64_t size = 0;
  if (!failure) failure = fileExtent(descriptor->number(), &size);
  if (!failure && size < bytes) {
    if (!anonymous && !(write && create)) {
      throwCoded(env, "ERR_TOO_SHORT",
                 path + " is " + std::to_string(size) + " bytes long, not " +
                     std::to_string(bytes));
      return Napi::Value();
    }
    failure = fill(descriptor->number(), bytes);
  }
  const bool writes = write || anonymous;
  if (!failure) failure = mapWords(descriptor->number(), bytes, writes, &memory);
  if (failure) {
    throwFailure(env, failure);
    return Napi::Value();
  }
  return SharedWords::make(env, std::move(descriptor), std::move(memory));
}

}  // namespace coppice
