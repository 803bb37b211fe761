// The locks of a NativeFile.
#include <utility>

#include "arguments.h"
#include "errors.h"
#include "file.h"
#include "locks.h"

namespace coppice {

namespace {

class LockCompletion : public Completion {
 public:
  LockCompletion(std::shared_ptr<Channel> channel, std::shared_ptr<WriterLock> lock,
                 const KeptValue& done, Failure failure)
      : channel_(std::move(channel)), lock_(std::move(lock)), done_(done), failure_(failure) {}

  void deliver(napi_env env) override {
    // A lock that came just before the file was closed is not held any more.
    if (!failure_ && lock_->closed()) failure_ = {ECANCELED, "fcntl"};
    napi_value argument = nullptr;
    napi_get_null(env, &argument);
    if (failure_) argument = nativeError(env, failure_);
    channel_->letGo(env);
    KeptValue done = done_;
    callBack(env, done, argument);
    done.drop(env);
  }

 private:
  std::shared_ptr<Channel> channel_;
  std::shared_ptr<WriterLock> lock_;
  KeptValue done_;
  Failure failure_;
};

bool readByte(napi_env env, napi_value value, uint64_t first, uint64_t* byte) {
  return readInteger(env, value, "byte", static_cast<double>(first),
                     static_cast<double>(kLastByte), byte);
}

}  // namespace

Napi::Value NativeFile::tryLock(const Info& info) {
  uint64_t byte = 0;
  bool taken = false;
  if (!usable(info.Env()) || !readByte(info.Env(), info[0], kFirstFree, &byte)) return Value();
  if (Failure failure = coppice::tryLock(number(), writable_, byte, &taken)) {
    return report(info.Env(), failure);
  }
  return Napi::Boolean::New(info.Env(), taken);
}

Napi::Value NativeFile::unlock(const Info& info) {
  uint64_t byte = 0;
  if (!usable(info.Env()) || !readByte(info.Env(), info[0], kFirstFree, &byte)) return Value();
  return report(info.Env(), coppice::unlock(number(), byte));
}

Napi::Value NativeFile::isLocked(const Info& info) {
  uint64_t byte = 0;
  uint64_t count = 0;
  bool locked = false;
  if (!usable(info.Env()) || !readByte(info.Env(), info[0], 0, &byte)) return Value();
  if (!readInteger(info.Env(), info[1], "count", 1, static_cast<double>(kLastByte), &count)) {
    return Value();
  }
  if (Failure failure = coppice::isLocked(number(), byte, count, &locked)) {
    return report(info.Env(), failure);
  }
  return Napi::Boolean::New(info.Env(), locked);
}

Napi::Value NativeFile::acquireWriter(const Info& info) {
  Napi::Env env = info.Env();
  double timeout = 0;
  if (!usable(env) || !readMilliseconds(env, info[0], "timeoutMs", &timeout)) return Value();
  if (!readFunction(env, info[1], "done")) return Value();
  std::shared_ptr<Channel> channel = environment_->channel(env);
  if (channel == nullptr) return Value();
  KeptValue done;
  done.set(env, info[1]);
  channel->hold(env);
  writerLock_->acquire(timeout, [channel, lock = writerLock_, done](Failure failure) {
    channel->post(std::make_unique<LockCompletion>(channel, lock, done, failure));
  });
  return Value();
}

Napi::Value NativeFile::acquireWriterSync(const Info& info) {
  Napi::Env env = info.Env();
  double timeout = 0;
  double slice = 0;
  bool taken = false;
  if (!usable(env) || !readMilliseconds(env, info[0], "timeoutMs", &timeout)) return Value();
  if (!readMilliseconds(env, info[1], "sliceMs", &slice)) return Value();
  if (Failure failure = writerLock_->acquireHere(timeout, slice, &taken)) {
    return report(env, failure);
  }
  return Napi::Boolean::New(env, taken);
}

Napi::Value NativeFile::tryAcquireWriter(const Info& info) {
  bool taken = false;
  if (!usable(info.Env())) return Value();
  if (Failure failure = writerLock_->tryAcquire(&taken)) return report(info.Env(), failure);
  return Napi::Boolean::New(info.Env(), taken);
}

Napi::Value NativeFile::releaseWriter(const Info& info) {
  if (usable(info.Env())) writerLock_->release();
  return Value();
}

Napi::Value NativeFile::writerIsAwaited(const Info& info) {
  bool waits = false;
  if (!usable(info.Env())) return Value();
  if (Failure failure = writerLock_->awaited(&waits)) return report(info.Env(), failure);
  return Napi::Boolean::New(info.Env(), waits);
}

}  // namespace coppice
