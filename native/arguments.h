// Checks of what JavaScript passes. Each returns false with a TypeError or RangeError pending.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace coppice {

struct Bytes {
  uint8_t* data = nullptr;
  size_t length = 0;
};

struct Words {
  int32_t* data = nullptr;
  size_t length = 0;
};

// The largest integer that a JavaScript number holds exactly.
constexpr double kMaxSafe = 9007199254740991.0;

bool readInteger(napi_env env, napi_value value, const char* name, double min, double max,
                 uint64_t* out);
bool readMilliseconds(napi_env env, napi_value value, const char* name, double* out);
bool readBytes(napi_env env, napi_value value, const char* name, Bytes* out);
bool readWords(napi_env env, napi_value value, const char* name, Words* out);
bool readFunction(napi_env env, napi_value value, const char* name);
bool readText(napi_env env, napi_value value, const char* name, std::string* out);
// As readText, but refuses the empty path and one with a NUL, which the kernel would cut short.
bool readPath(napi_env env, napi_value value, const char* name, std::string* out);
// The boolean `key` of the object `options`.
bool readFlag(napi_env env, napi_value options, const char* key, bool* out);

bool isNullish(napi_env env, napi_value value);

}  // namespace coppice
