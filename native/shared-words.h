// NativeSharedWords of src/pager/native.ts: a small file mapped read-write, where processes meet.
#pragma once

#include <napi.h>

#include <memory>

#include "environment.h"
#include "external-buffer.h"
#include "fork.h"
#include "word-wait.h"

namespace coppice {

// Who is told of a wait. Used on the environment's thread alone.
struct Awaited {
  KeptValue done;
  bool told = false;
};

class SharedWords : public Napi::ObjectWrap<SharedWords>, public Resident {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Value make(Napi::Env env, std::shared_ptr<Descriptor> descriptor,
                          std::shared_ptr<SharedMemory> memory);

  explicit SharedWords(const Napi::CallbackInfo& info);
  void leave() override;

 private:
  Napi::Value status(const Napi::CallbackInfo& info);
  Napi::Value isWhole(const Napi::CallbackInfo& info);
  Napi::Value wait(const Napi::CallbackInfo& info);
  Napi::Value keepAlive(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  bool usable(Napi::Env env);

  Environment* environment_ = nullptr;
  std::shared_ptr<Descriptor> descriptor_;  // none when closed
  std::shared_ptr<SharedMemory> memory_;
  ExternalBuffer buffer_;
  std::shared_ptr<WordWait> wait_;      // made with the first wait
  std::shared_ptr<Awaited> awaited_;    // of the wait that has not been told of
  std::shared_ptr<Channel> held_;       // while it keeps the event loop alive
};

// The export `openShared`.
Napi::Value exportOpenShared(const Napi::CallbackInfo& info);

}  // namespace coppice
