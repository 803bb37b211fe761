// NativeView of src/pager/native.ts: some bytes of a file, mapped for one reader alone. What is
// written there nobody else sees. The mapping belongs to the ArrayBuffer over it, and goes when
// JavaScript has let go of that, by whatever way.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "external-buffer.h"
#include "failure.h"
#include "fault-guard.h"

namespace coppice {

// A MAP_PRIVATE mapping, and the guard over it.
class PrivateMapping {
 public:
  // Maps `length` bytes from `offset` on. They need not begin at a page.
  static Failure make(int descriptor, uint64_t offset, size_t length,
                      std::shared_ptr<PrivateMapping>* out);
  ~PrivateMapping();
  PrivateMapping(const PrivateMapping&) = delete;
  PrivateMapping& operator=(const PrivateMapping&) = delete;

  uint8_t* bytes() const { return bytes_; }
  // Faults met in it so far.
  int32_t faults() const;

 private:
  PrivateMapping() = default;

  void* base_ = nullptr;
  size_t mapped_ = 0;
  uint8_t* bytes_ = nullptr;
  FaultGuard* guard_ = nullptr;
};

class PrivateView : public Napi::ObjectWrap<PrivateView> {
 public:
  static Napi::Function define(Napi::Env env);
  // Empty with an exception pending. `released` is a function, called from the event loop when
  // nobody has the bytes any more.
  static Napi::Value make(Napi::Env env, const std::shared_ptr<PrivateMapping>& mapping,
                          size_t length, napi_value released);

  explicit PrivateView(const Napi::CallbackInfo& info);

 private:
  Napi::Value buffer(const Napi::CallbackInfo& info);
  Napi::Value faults(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  std::weak_ptr<PrivateMapping> mapping_;
  ExternalBuffer buffer_;
};

}  // namespace coppice
