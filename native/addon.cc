// The table of exported functions: the interface Native of src/pager/native.ts.
#include <dlfcn.h>
#include <napi.h>

#include "checksum.h"
#include "environment.h"
#include "fault-guard.h"
#include "file.h"
#include "fork.h"
#include "private-view.h"
#include "shared-words.h"
#include "system.h"

namespace coppice {

namespace {

// A worker that ends unloads what it loaded. Our signal handler, our fork handler and threads that
// still wait for a lock are code of this library, so it stays for as long as the process.
void stayLoaded() {
  Dl_info self = {};
  if (dladdr(reinterpret_cast<void*>(&stayLoaded), &self) == 0 || self.dli_fname == nullptr) return;
  dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

Napi::Value function(Napi::Env env, const char* name, napi_callback callback) {
  napi_value result = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &result);
  return Napi::Value(env, result);
}

}  // namespace

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  stayLoaded();
  watchForks();
  auto* environment = new Environment(env);
  env.SetInstanceData<Environment>(environment);
  environment->fileClass = Napi::Persistent(NativeFile::define(env));
  environment->wordsClass = Napi::Persistent(SharedWords::define(env));
  environment->viewClass = Napi::Persistent(PrivateView::define(env));

  exports["openFile"] = Napi::Function::New<exportOpenFile>(env, "openFile");
  exports["openMemory"] = Napi::Function::New<exportOpenMemory>(env, "openMemory");
  exports["openShared"] = Napi::Function::New<exportOpenShared>(env, "openShared");
  exports["renameNoReplace"] =
      Napi::Function::New<exportRenameNoReplace>(env, "renameNoReplace");
  exports["syncDirectory"] = Napi::Function::New<exportSyncDirectory>(env, "syncDirectory");
  exports["hash"] = function(env, "hash", exportHash);
  exports["pageIsIntact"] = function(env, "pageIsIntact", exportPageIsIntact);
  exports["faults"] = Napi::Function::New<exportFaults>(env, "faults");
  exports["bootId"] = Napi::Function::New<exportBootId>(env, "bootId");
  exports["identity"] = Napi::Function::New<exportIdentity>(env, "identity");
  exports["forked"] = Napi::Function::New<exportForked>(env, "forked");
  exports["osPageSize"] = static_cast<double>(osPageSize());
  return exports;
}

}  // namespace coppice

static Napi::Object initializeAddon(Napi::Env env, Napi::Object exports) {
  return coppice::initialize(env, exports);
}

NODE_API_MODULE(coppice, initializeAddon)
