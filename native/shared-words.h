// NativeSharedWords of src/pager/native.ts: a small file mapped read-write, where processes meet.
#pragma once

#include <napi.h>

#include <memory>

#include "environment.h"
#include "external-buffer.h"
#include "fork.h"

namespace coppice {

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
  Napi::Value close(const Napi::CallbackInfo& info);

  Environment* environment_ = nullptr;
  std::shared_ptr<Descriptor> descriptor_;  // none when closed
  std::shared_ptr<SharedMemory> memory_;
  ExternalBuffer buffer_;
};

// The export `openShared`.
Napi::Value exportOpenShared(const Napi::CallbackInfo& info);

}  // namespace coppice
