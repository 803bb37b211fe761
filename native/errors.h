// JavaScript errors: NativeError for a failed call of the operating system, and Error with a code
// of our own for the rest.
#pragma once

#include <napi.h>

#include <string>

#include "failure.h"

namespace coppice {

// 'ENOSPC' for 28, and so on; 'UNKNOWN' for an errno that has no name here.
const char* errorName(int code);

// An Error with `code`, `errno` (negative, as Node's own) and `syscall`.
napi_value nativeError(napi_env env, Failure failure);

void throwFailure(napi_env env, Failure failure);

// Throws an Error whose `code` is one of ours ('ERR_CLOSED').
void throwCoded(napi_env env, const char* code, const std::string& message);
void throwRange(napi_env env, const std::string& message);
void throwType(napi_env env, const std::string& message);

}  // namespace coppice
