// Opening: every descriptor O_CLOEXEC, every open file description of its own.
#pragma once

#include <memory>
#include <string>

#include "failure.h"
#include "fork.h"

namespace coppice {

Failure openPath(const std::string& path, int flags, std::shared_ptr<Descriptor>* out);

// An anonymous file in memory, that no path leads to.
Failure openMemory(std::shared_ptr<Descriptor>* out);

// A second open file description of the same file, so that no lock of the first is on it. A
// mapping keeps the description it was made from, and so its locks, alive until it is unmapped,
// in forked children as well. Falls back to a duplicate, which shares the description, where the
// file cannot be opened again (no /proc, or permissions that have changed).
Failure openAgain(int descriptor, bool write, std::shared_ptr<Descriptor>* out);

}  // namespace coppice
