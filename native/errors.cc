#include "errors.h"

#include <system_error>

namespace coppice {

namespace {

struct ErrorName {
  int code;
  const char* name;
};

#define NAME(symbol) {symbol, #symbol}
// No call of POSIX gives the symbol of an errno, and glibc's is glibc's alone.
constexpr ErrorName kNames[] = {
    NAME(EPERM),     NAME(ENOENT),  NAME(EINTR),        NAME(EIO),       NAME(ENXIO),
    NAME(E2BIG),     NAME(EBADF),   NAME(ECHILD),       NAME(EAGAIN),    NAME(ENOMEM),
    NAME(EACCES),    NAME(EFAULT),  NAME(EBUSY),        NAME(EEXIST),    NAME(EXDEV),
    NAME(ENODEV),    NAME(ENOTDIR), NAME(EISDIR),       NAME(EINVAL),    NAME(ENFILE),
    NAME(EMFILE),    NAME(ENOTTY),  NAME(ETXTBSY),      NAME(EFBIG),     NAME(ENOSPC),
    NAME(ESPIPE),    NAME(EROFS),   NAME(EMLINK),       NAME(EPIPE),     NAME(ERANGE),
    NAME(EDEADLK),   NAME(ENOLCK),  NAME(ENAMETOOLONG), NAME(ENOSYS),    NAME(ENOTEMPTY),
    NAME(ELOOP),     NAME(ENODATA), NAME(EOVERFLOW),    NAME(ETIMEDOUT), NAME(ECANCELED),
    NAME(EDQUOT),    NAME(ESTALE),  NAME(EOPNOTSUPP),
};
#undef NAME

void setNamed(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

napi_value text(napi_env env, const std::string& value) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, value.data(), value.size(), &result);
  return result;
}

}  // namespace

const char* errorName(int code) {
  for (const ErrorName& entry : kNames) {
    if (entry.code == code) return entry.name;
  }
  return "UNKNOWN";
}

napi_value nativeError(napi_env env, Failure failure) {
  const char* name = errorName(failure.code);
  const std::string message = std::string(name) + ": " +
                              std::generic_category().message(failure.code) + ", " + failure.call;
  napi_value error = nullptr;
  napi_value number = nullptr;
  napi_create_error(env, text(env, name), text(env, message), &error);
  napi_create_int32(env, -failure.code, &number);
  setNamed(env, error, "errno", number);
  setNamed(env, error, "syscall", text(env, failure.call));
  return error;
}

void throwFailure(napi_env env, Failure failure) { napi_throw(env, nativeError(env, failure)); }

void throwCoded(napi_env env, const char* code, const std::string& message) {
  napi_throw_error(env, code, message.c_str());
}

void throwRange(napi_env env, const std::string& message) {
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", message.c_str());
}

void throwType(napi_env env, const std::string& message) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message.c_str());
}

}  // namespace coppice
