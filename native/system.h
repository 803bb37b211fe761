// What the system says of files, paths and processes.
#pragma once

#include <napi.h>

namespace coppice {

Napi::Value exportRenameNoReplace(const Napi::CallbackInfo& info);
Napi::Value exportSyncDirectory(const Napi::CallbackInfo& info);
Napi::Value exportFaults(const Napi::CallbackInfo& info);
Napi::Value exportBootId(const Napi::CallbackInfo& info);
Napi::Value exportIdentity(const Napi::CallbackInfo& info);
Napi::Value exportForked(const Napi::CallbackInfo& info);

}  // namespace coppice
