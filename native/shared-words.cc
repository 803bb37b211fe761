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
  (*out)->writable = write;
  return FaultGuard::take(static_cast<uint8_t*>(base), bytes, write, &(*out)->guard);
}

class ChangedCompletion : public Completion {
 public:
  explicit ChangedCompletion(std::shared_ptr<Awaited> awaited) : awaited_(std::move(awaited)) {}

  void deliver(napi_env env) override {
    if (awaited_->told) return;
    awaited_->told = true;
    callBack(env, awaited_->done, nullptr);
    awaited_->done.drop(env);
  }

 private:
  std::shared_ptr<Awaited> awaited_;
};

bool readWord(napi_env env, napi_value value, const char* name, const SharedMemory& memory,
              int32_t** out) {
  uint64_t index = 0;
  const double last = static_cast<double>(memory.bytes / sizeof(int32_t)) - 1;
  if (!readInteger(env, value, name, 0, last, &index)) return false;
  *out = static_cast<int32_t*>(memory.base) + index;
  return true;
}

}  // namespace

Napi::Function SharedWords::define(Napi::Env env) {
  return DefineClass(env, "NativeSharedWords",
                     {InstanceMethod("status", &SharedWords::status),
                      InstanceMethod("isWhole", &SharedWords::isWhole),
                      InstanceMethod("wait", &SharedWords::wait),
                      InstanceMethod("keepAlive", &SharedWords::keepAlive),
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

bool SharedWords::usable(Napi::Env env) {
  if (forkedChild()) {
    throwCoded(env, "ERR_FORKED", "opened by a process of which this is a fork");
    return false;
  }
  if (descriptor_ == nullptr) {
    throwCoded(env, "ERR_CLOSED", "the shared words are closed");
    return false;
  }
  return true;
}

Napi::Value SharedWords::status(const Napi::CallbackInfo& info) {
  if (!usable(info.Env())) return Napi::Value();
  return statusOf(info.Env(), descriptor_->number());
}

Napi::Value SharedWords::isWhole(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), memory_ == nullptr || !memory_->guard->anyReplaced());
}

Napi::Value SharedWords::wait(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  WordWait::Request request;
  double seen = 0;
  if (!usable(env)) return Napi::Value();
  if (!readWord(env, info[0], "word", *memory_, &request.word)) return Napi::Value();
  if (!readWord(env, info[1], "waits", *memory_, &request.waits)) return Napi::Value();
  if (napi_get_value_double(env, info[2], &seen) != napi_ok ||
      napi_get_value_int32(env, info[2], &request.seen) != napi_ok || seen != request.seen) {
    throwType(env, "seen must be a word: an integer of 32 bits");
    return Napi::Value();
  }
  if (!readFunction(env, info[3], "done")) return Napi::Value();
  if (!memory_->writable) {
    throwCoded(env, "ERR_READ_ONLY", "the shared words are open without write: a wait counts");
    return Napi::Value();
  }
  if (awaited_ != nullptr && !awaited_->told) {
    throwCoded(env, "ERR_BUSY", "the last wait on these shared words has not been told of yet");
    return Napi::Value();
  }
  std::shared_ptr<Channel> channel = environment_->channel(env);
  if (channel == nullptr) return Napi::Value();
  auto awaited = std::make_shared<Awaited>();
  request.done = [channel, awaited] {
    channel->post(std::make_unique<ChangedCompletion>(awaited));
  };
  if (wait_ == nullptr) wait_ = std::make_shared<WordWait>(memory_);
  if (Failure failure = wait_->begin(std::move(request))) {
    throwFailure(env, failure);
    return Napi::Value();
  }
  // On this thread, where the wait is told of too: it cannot come before.
  awaited->done.set(env, info[3]);
  awaited_ = std::move(awaited);
  return Napi::Value();
}

Napi::Value SharedWords::keepAlive(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!usable(env)) return Napi::Value();
  if (!info[0].IsBoolean()) {
    throwType(env, "keepAlive takes a boolean");
    return Napi::Value();
  }
  const bool wanted = info[0].As<Napi::Boolean>();
  if (wanted && held_ == nullptr) {
    held_ = environment_->channel(env);
    if (held_ != nullptr) held_->hold(env);
  } else if (!wanted && held_ != nullptr) {
    held_->letGo(env);
    held_.reset();
  }
  return Napi::Value();
}

Napi::Value SharedWords::close(const Napi::CallbackInfo& info) {
  if (descriptor_ == nullptr) return Napi::Value();
  if (awaited_ != nullptr && !awaited_->told) {
    awaited_->told = true;
    awaited_->done.drop(info.Env());
  }
  if (held_ != nullptr) held_->letGo(info.Env());
  held_.reset();
  buffer_.detach(info.Env());
  environment_->leave(this);
  leave();
  Unref();
  return Napi::Value();
}

void SharedWords::leave() {
  if (wait_ != nullptr) wait_->close();
  wait_.reset();
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
