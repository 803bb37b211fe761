#include "file.h"

#include <fcntl.h>

#include <utility>

#include "arguments.h"
#include "errors.h"
#include "file-io.h"
#include "open.h"
#include "private-view.h"

namespace coppice {

namespace {

// What the constructor is to wrap; set only while make() calls it, so that JavaScript, which can
// reach the constructor, cannot use it.
struct Nascent {
  std::shared_ptr<Descriptor> descriptor;
  bool writable = false;
};
thread_local Nascent* nascent = nullptr;

}  // namespace

Napi::Function NativeFile::define(Napi::Env env) {
  return DefineClass(env, "NativeFile",
                     {
                         InstanceMethod("status", &NativeFile::status),
                         InstanceMethod("sizeBytes", &NativeFile::sizeBytes),
                         InstanceMethod("links", &NativeFile::links),
                         InstanceMethod("map", &NativeFile::map),
                         InstanceMethod("window", &NativeFile::window),
                         InstanceMethod("view", &NativeFile::view),
                         InstanceMethod("grow", &NativeFile::grow),
                         InstanceMethod("truncate", &NativeFile::truncate),
                         InstanceMethod("readAt", &NativeFile::readAt),
                         InstanceMethod("resident", &NativeFile::resident),
                         InstanceMethod("advise", &NativeFile::advise),
                         InstanceMethod("faultWords", &NativeFile::faultWords),
                         InstanceMethod("remapFaults", &NativeFile::remapFaults),
                         InstanceMethod("close", &NativeFile::close),
                         InstanceMethod("tryLock", &NativeFile::tryLock),
                         InstanceMethod("unlock", &NativeFile::unlock),
                         InstanceMethod("isLocked", &NativeFile::isLocked),
                         InstanceMethod("acquireWriter", &NativeFile::acquireWriter),
                         InstanceMethod("acquireWriterSync", &NativeFile::acquireWriterSync),
                         InstanceMethod("tryAcquireWriter", &NativeFile::tryAcquireWriter),
                         InstanceMethod("releaseWriter", &NativeFile::releaseWriter),
                         InstanceMethod("writerIsAwaited", &NativeFile::writerIsAwaited),
                         InstanceMethod("run", &NativeFile::run),
                         InstanceMethod("runSync", &NativeFile::runSync),
                         InstanceMethod("pending", &NativeFile::pending),
                         InstanceMethod("load", &NativeFile::load),
                     });
}

Napi::Value NativeFile::make(Napi::Env env, std::shared_ptr<Descriptor> descriptor, bool writable) {
  Nascent made = {std::move(descriptor), writable};
  nascent = &made;
  Napi::Value file = Environment::of(env)->fileClass.New({});
  nascent = nullptr;
  return file;
}

NativeFile::NativeFile(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NativeFile>(info) {
  Nascent* made = std::exchange(nascent, nullptr);
  if (made == nullptr) {
    throwType(info.Env(), "NativeFile cannot be constructed; it is what openFile returns");
    return;
  }
  environment_ = Environment::of(info.Env());
  descriptor_ = std::move(made->descriptor);
  writable_ = made->writable;
  writerLock_ = std::make_shared<WriterLock>(descriptor_);
  environment_->enter(this);
  Ref();
}

bool NativeFile::usable(napi_env env) {
  if (forkedChild()) {
    throwCoded(env, "ERR_FORKED", "the file was opened by a process of which this is a fork");
    return false;
  }
  if (descriptor_ == nullptr) throwCoded(env, "ERR_CLOSED", "the file is closed");
  return descriptor_ != nullptr;
}

bool NativeFile::mapped(napi_env env) {
  if (!usable(env)) return false;
  if (mapping_ == nullptr) throwCoded(env, "ERR_NOT_MAPPED", "the file is not mapped");
  return mapping_ != nullptr;
}

Napi::Value NativeFile::report(napi_env env, Failure failure) {
  if (failure) throwFailure(env, failure);
  return Napi::Value();
}

Napi::Value NativeFile::status(const Info& info) {
  if (!usable(info.Env())) return Value();
  return statusOf(info.Env(), number());
}

Napi::Value NativeFile::sizeBytes(const Info& info) {
  uint64_t size = 0;
  if (!usable(info.Env())) return Value();
  if (Failure failure = fileExtent(number(), &size)) return report(info.Env(), failure);
  return Napi::Number::New(info.Env(), static_cast<double>(size));
}

Napi::Value NativeFile::links(const Info& info) {
  uint64_t size = 0;
  uint64_t links = 0;
  if (!usable(info.Env())) return Value();
  if (Failure failure = fileExtent(number(), &size, &links)) return report(info.Env(), failure);
  return Napi::Number::New(info.Env(), static_cast<double>(links));
}

Napi::Value NativeFile::map(const Info& info) {
  Napi::Env env = info.Env();
  uint64_t reserve = 0;
  uint64_t segment = 0;
  constexpr double kLargestSegment = 4294967296.0;       // what an ArrayBuffer can hold
  constexpr double kLargestReserve = 140737488355328.0;  // 2^47, the addresses of a process
  const double page = static_cast<double>(osPageSize());
  if (!usable(env)) return Value();
  if (!readInteger(env, info[1], "segmentBytes", page, kLargestSegment, &segment)) return Value();
  if (segment % osPageSize() != 0) {
    throwRange(env, "segmentBytes must be a multiple of the operating system's page size");
    return Value();
  }
  if (!readInteger(env, info[0], "reserveBytes", static_cast<double>(segment), kLargestReserve,
                   &reserve)) {
    return Value();
  }
  if (mapping_ != nullptr && mapping_->segmentBytes() != segment) {
    return report(env, {EINVAL, "mmap"});
  }
  if (mapping_ == nullptr) {
    if (Failure failure = Mapping::attach(number(), writable_, reserve, segment, &mapping_)) {
      return report(env, failure);
    }
  }
  return Napi::Number::New(env, static_cast<double>(mapping_->reservedBytes()));
}

Napi::Value NativeFile::window(const Info& info) {
  Napi::Env env = info.Env();
  uint64_t index = 0;
  uint64_t length = 0;
  if (!mapped(env)) return Value();
  const size_t segment = mapping_->segmentBytes();
  const double least = static_cast<double>(osPageSize());
  if (!readInteger(env, info[1], "windowBytes", least, static_cast<double>(segment), &length)) {
    return Value();
  }
  const size_t bytes = static_cast<size_t>(length);
  if (bytes % osPageSize() != 0 || segment % bytes != 0) {
    throwRange(env, "windowBytes must divide a segment, and be whole pages of the system");
    return Value();
  }
  const double last = static_cast<double>(mapping_->reservedBytes() / bytes) - 1;
  if (!readInteger(env, info[0], "index", 0, last, &index)) return Value();
  const size_t start = static_cast<size_t>(index) * bytes;
  std::unique_ptr<ExternalBuffer>& window = windows_[{start, bytes}];
  if (window == nullptr) {
    const size_t end = (start / segment + 1) * segment;
    if (Failure failure = mapping_->ensureMapped(end)) return report(env, failure);
    auto made = std::make_unique<ExternalBuffer>();
    if (!made->make(env, mapping_->base() + start, bytes)) return Value();
    window = std::move(made);
  }
  return Value(env, window->value(env));
}

Napi::Value NativeFile::view(const Info& info) {
  Napi::Env env = info.Env();
  uint64_t offset = 0;
  uint64_t length = 0;
  constexpr double kLargest = 4294967296.0;  // what an ArrayBuffer can hold
  if (!usable(env)) return Value();
  if (!readInteger(env, info[0], "fileOffset", 0, kMaxSafe, &offset)) return Value();
  if (!readInteger(env, info[1], "lengthBytes", 1, kLargest, &length)) return Value();
  if (!readFunction(env, info[2], "released")) return Value();
  std::shared_ptr<PrivateMapping> mapping;
  const size_t bytes = static_cast<size_t>(length);
  if (Failure failure = PrivateMapping::make(number(), offset, bytes, &mapping)) {
    return report(env, failure);
  }
  return PrivateView::make(env, mapping, bytes, info[2]);
}

Napi::Value NativeFile::grow(const Info& info) {
  uint64_t size = 0;
  if (!usable(info.Env())) return Value();
  if (!readInteger(info.Env(), info[0], "sizeBytes", 0, kMaxSafe, &size)) return Value();
  return report(info.Env(), growFile(number(), size));
}

Napi::Value NativeFile::truncate(const Info& info) {
  uint64_t size = 0;
  if (!usable(info.Env())) return Value();
  if (!readInteger(info.Env(), info[0], "sizeBytes", 0, kMaxSafe, &size)) return Value();
  return report(info.Env(), truncateFile(number(), size));
}

Napi::Value NativeFile::readAt(const Info& info) {
  Napi::Env env = info.Env();
  Bytes target;
  uint64_t offset = 0;
  size_t read = 0;
  if (!usable(env) || !readBytes(env, info[0], "target", &target)) return Value();
  if (!readInteger(env, info[1], "fileOffset", 0, kMaxSafe, &offset)) return Value();
  if (Failure failure = readFully(number(), target.data, target.length, offset, &read)) {
    return report(env, failure);
  }
  return Napi::Number::New(env, static_cast<double>(read));
}

Napi::Value NativeFile::resident(const Info& info) {
  Napi::Env env = info.Env();
  uint64_t offset = 0;
  uint64_t length = 0;
  uint64_t pages = 0;
  if (!mapped(env)) return Value();
  if (!readInteger(env, info[0], "fileOffset", 0, kMaxSafe, &offset)) return Value();
  if (!readInteger(env, info[1], "lengthBytes", 0, kMaxSafe, &length)) return Value();
  if (Failure failure = mapping_->resident(offset, length, &pages)) return report(env, failure);
  return Napi::Number::New(env, static_cast<double>(pages));
}

Napi::Value NativeFile::advise(const Info& info) {
  Napi::Env env = info.Env();
  std::string kind;
  uint64_t offset = 0;
  uint64_t length = 0;
  if (!mapped(env) || !readText(env, info[0], "kind", &kind)) return Value();
  if (!readInteger(env, info[1], "fileOffset", 0, kMaxSafe, &offset)) return Value();
  if (!readInteger(env, info[2], "lengthBytes", 0, kMaxSafe, &length)) return Value();
  if (kind == "willneed") return report(env, mapping_->willNeed(offset, length));
  if (kind == "normal") return report(env, mapping_->advise(Advice::Normal));
  if (kind == "random") return report(env, mapping_->advise(Advice::Random));
  if (kind == "sequential") return report(env, mapping_->advise(Advice::Sequential));
  throwRange(env, "kind is '" + kind + "', not normal, random, sequential or willneed");
  return Value();
}

Napi::Value NativeFile::faultWords(const Info& info) {
  Napi::Env env = info.Env();
  if (!mapped(env)) return Value();
  if (!faultWords_.isSet()) {
    auto made = std::make_unique<ExternalBuffer>();
    if (!made->make(env, mapping_->guard().words(), FaultGuard::kWordBytes)) return Value();
    faultBuffer_ = std::move(made);
    napi_value words = nullptr;
    napi_create_typedarray(env, napi_int32_array, FaultGuard::kWordBytes / sizeof(int32_t),
                           faultBuffer_->value(env), 0, &words);
    faultWords_.set(env, words);
  }
  return Value(env, faultWords_.get(env));
}

Napi::Value NativeFile::remapFaults(const Info& info) {
  if (!mapped(info.Env())) return Value();
  return Napi::Number::New(info.Env(), mapping_->remapFaults());
}

Napi::Value NativeFile::close(const Info& info) {
  Napi::Env env = info.Env();
  if (forkedChild()) {
    usable(env);
    return Value();
  }
  if (descriptor_ == nullptr) return Value();
  commits_.stop();
  loads_.stop();
  for (const auto& entry : windows_) {
    if (entry.second != nullptr) entry.second->detach(env);
  }
  if (faultBuffer_ != nullptr) faultBuffer_->detach(env);
  faultWords_.drop(env);
  environment_->leave(this);
  letGo();
  Unref();
  return Value();
}

void NativeFile::leave() {
  commits_.stop();
  loads_.stop();
  letGo();
}

void NativeFile::letGo() {
  writerLock_->close();
  mapping_.reset();
  descriptor_.reset();
}

Napi::Value exportOpenFile(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string path;
  bool write = false;
  bool create = false;
  if (!readPath(env, info[0], "path", &path)) return Napi::Value();
  if (!readFlag(env, info[1], "write", &write)) return Napi::Value();
  if (!readFlag(env, info[1], "create", &create)) return Napi::Value();
  std::shared_ptr<Descriptor> descriptor;
  const int flags = (write ? O_RDWR : O_RDONLY) | (create ? O_CREAT | O_EXCL : 0);
  if (Failure failure = openPath(path, flags, &descriptor)) {
    throwFailure(env, failure);
    return Napi::Value();
  }
  readWithoutReadAhead(descriptor->number());
  return NativeFile::make(env, std::move(descriptor), write);
}

Napi::Value exportOpenMemory(const Napi::CallbackInfo& info) {
  std::shared_ptr<Descriptor> descriptor;
  if (Failure failure = openMemory(&descriptor)) {
    throwFailure(info.Env(), failure);
    return Napi::Value();
  }
  return NativeFile::make(info.Env(), std::move(descriptor), true);
}

}  // namespace coppice
