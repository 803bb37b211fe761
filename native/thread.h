// Starting a thread without a chance of an exception: std::thread throws where the process may
// have no more of them.
#pragma once

#include <functional>

#include "failure.h"

namespace coppice {

// Runs `body` on a detached thread that takes no signals but those of its own faults.
Failure startThread(std::function<void()> body);

}  // namespace coppice
