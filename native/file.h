// NativeFile of src/pager/native.ts: one open file of one environment. It lives until close() or
// until its environment goes, whether JavaScript holds it or not, since the memory under its
// ArrayBuffers does.
#pragma once

#include <napi.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "commit-thread.h"
#include "environment.h"
#include "external-buffer.h"
#include "failure.h"
#include "fork.h"
#include "mmap.h"
#include "writer-lock.h"

namespace coppice {

class NativeFile : public Napi::ObjectWrap<NativeFile>, public Resident {
 public:
  static Napi::Function define(Napi::Env env);
  // The JavaScript object of a file just opened; empty with an exception pending.
  static Napi::Value make(Napi::Env env, std::shared_ptr<Descriptor> descriptor, bool writable);

  explicit NativeFile(const Napi::CallbackInfo& info);
  void leave() override;

 private:
  using Info = Napi::CallbackInfo;
  using Value = Napi::Value;

  // file.cc: lifetime, sizes, the mapping
  Value status(const Info& info);
  Value sizeBytes(const Info& info);
  Value links(const Info& info);
  Value map(const Info& info);
  Value window(const Info& info);
  Value view(const Info& info);
  Value grow(const Info& info);
  Value truncate(const Info& info);
  Value readAt(const Info& info);
  Value resident(const Info& info);
  Value advise(const Info& info);
  Value faultWords(const Info& info);
  Value remapFaults(const Info& info);
  Value close(const Info& info);

  // file-locks.cc
  Value tryLock(const Info& info);
  Value unlock(const Info& info);
  Value isLocked(const Info& info);
  Value acquireWriter(const Info& info);
  Value acquireWriterSync(const Info& info);
  Value tryAcquireWriter(const Info& info);
  Value releaseWriter(const Info& info);
  Value writerIsAwaited(const Info& info);

  // file-jobs.cc
  Value run(const Info& info);
  Value runSync(const Info& info);
  Value pending(const Info& info);
  Value load(const Info& info);
  bool readJob(const Info& info, Job* job, JobHost* host);

  // False with an exception pending when it is closed, or in a forked child.
  bool usable(napi_env env);
  bool mapped(napi_env env);
  // Throws the failure, if there is one.
  Value report(napi_env env, Failure failure);
  int number() const { return descriptor_->number(); }
  void letGo();

  Environment* environment_ = nullptr;
  std::shared_ptr<Descriptor> descriptor_;  // none when closed
  bool writable_ = false;
  std::shared_ptr<WriterLock> writerLock_;
  CommitThread commits_;
  CommitThread loads_;  // apart: no commit waits for what is being loaded
  std::shared_ptr<Mapping> mapping_;
  // The ArrayBuffers on the mapping, by where they begin and how long they are.
  std::map<std::pair<size_t, size_t>, std::unique_ptr<ExternalBuffer>> windows_;
  std::unique_ptr<ExternalBuffer> faultBuffer_;
  KeptValue faultWords_;
};

// The status of the file behind a descriptor.
Napi::Value statusOf(Napi::Env env, int descriptor);

// The exports `openFile` and `openMemory`.
Napi::Value exportOpenFile(const Napi::CallbackInfo& info);
Napi::Value exportOpenMemory(const Napi::CallbackInfo& info);

}  // namespace coppice
