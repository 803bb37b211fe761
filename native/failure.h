// The outcome of a call of the operating system: the errno it left, and the name of the call.
#pragma once

#include <cerrno>

namespace coppice {

struct Failure {
  int code = 0;            // errno; 0 when the call succeeded
  const char* call = "";  // a string that lives for ever

  explicit operator bool() const { return code != 0; }

  // The failure that `call` has just left in errno.
  static Failure of(const char* call) { return {errno, call}; }
};

}  // namespace coppice
