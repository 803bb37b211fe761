#include "arguments.h"

#include <cmath>

#include "errors.h"

namespace coppice {

namespace {

bool hasType(napi_env env, napi_value value, napi_valuetype wanted) {
  napi_valuetype type = napi_undefined;
  return value != nullptr && napi_typeof(env, value, &type) == napi_ok && type == wanted;
}

bool wrongType(napi_env env, const char* name, const char* wanted) {
  throwType(env, std::string(name) + " must be " + wanted);
  return false;
}

bool typedArray(napi_env env, napi_value value, napi_typedarray_type wanted, void** data,
                size_t* length) {
  napi_typedarray_type type = napi_int8_array;
  if (value == nullptr ||
      napi_get_typedarray_info(env, value, &type, length, data, nullptr, nullptr) != napi_ok) {
    return false;
  }
  if (*data == nullptr) *length = 0;
  return type == wanted;
}

}  // namespace

bool isNullish(napi_env env, napi_value value) {
  return value == nullptr || hasType(env, value, napi_null) || hasType(env, value, napi_undefined);
}

bool readInteger(napi_env env, napi_value value, const char* name, double min, double max,
                 uint64_t* out) {
  double number = 0;
  if (value == nullptr || napi_get_value_double(env, value, &number) != napi_ok) {
    return wrongType(env, name, "a number");
  }
  if (!(number >= min && number <= max) || number != std::floor(number)) {
    throwRange(env, std::string(name) + " is " + std::to_string(number) +
                        ", not an integer from " + std::to_string(min) + " to " +
                        std::to_string(max));
    return false;
  }
  *out = static_cast<uint64_t>(number);
  return true;
}

bool readMilliseconds(napi_env env, napi_value value, const char* name, double* out) {
  if (!hasType(env, value, napi_number)) return wrongType(env, name, "a number");
  napi_get_value_double(env, value, out);
  if (std::isnan(*out) || *out < 0) {
    throwRange(env, std::string(name) + " must be 0 or more milliseconds");
    return false;
  }
  return true;
}

bool readBytes(napi_env env, napi_value value, const char* name, Bytes* out) {
  void* data = nullptr;
  if (!typedArray(env, value, napi_uint8_array, &data, &out->length)) {
    return wrongType(env, name, "a Uint8Array");
  }
  out->data = static_cast<uint8_t*>(data);
  return true;
}

bool readWords(napi_env env, napi_value value, const char* name, Words* out) {
  void* data = nullptr;
  if (!typedArray(env, value, napi_int32_array, &data, &out->length)) {
    return wrongType(env, name, "an Int32Array");
  }
  out->data = static_cast<int32_t*>(data);
  return true;
}

bool readFunction(napi_env env, napi_value value, const char* name) {
  return hasType(env, value, napi_function) || wrongType(env, name, "a function");
}

bool readText(napi_env env, napi_value value, const char* name, std::string* out) {
  if (!hasType(env, value, napi_string)) return wrongType(env, name, "a string");
  size_t length = 0;
  napi_get_value_string_utf8(env, value, nullptr, 0, &length);
  out->resize(length + 1);
  napi_get_value_string_utf8(env, value, &(*out)[0], length + 1, &length);
  out->resize(length);
  return true;
}

bool readPath(napi_env env, napi_value value, const char* name, std::string* out) {
  if (!readText(env, value, name, out)) return false;
  if (out->empty() || out->find('\0') != std::string::npos) {
    throwRange(env, std::string(name) + " must be a path that is not empty and holds no NUL");
    return false;
  }
  return true;
}

bool readFlag(napi_env env, napi_value options, const char* key, bool* out) {
  napi_value value = nullptr;
  if (!hasType(env, options, napi_object)) return wrongType(env, "options", "an object");
  if (napi_get_named_property(env, options, key, &value) != napi_ok) return false;
  if (!hasType(env, value, napi_boolean)) return wrongType(env, key, "a boolean");
  napi_get_value_bool(env, value, out);
  return true;
}

}  // namespace coppice
