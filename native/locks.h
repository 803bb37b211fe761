// Locks on single bytes of a file, far past any data, held by the open file description (OFD): they
// conflict between any two handles, in one process or two, and go when the description does, by
// whatever death of its process.
#pragma once

#include <cstdint>

#include "failure.h"

namespace coppice {

// The bytes of the writer lock: who has it, and the places of the line before it, the next one first.
// Everything else uses bytes from kFirstFree on.
constexpr uint64_t kWriterByte = 0;
constexpr uint64_t kNextByte = 1;
constexpr uint64_t kPlaces = 4;
constexpr uint64_t kEntrance = kNextByte + kPlaces - 1;
constexpr uint64_t kFirstFree = 16;
constexpr uint64_t kLastByte = uint64_t{1} << 40;

// Takes the lock on `byte` if nobody else holds it. A description that cannot write can only lock
// in the shared way; it then looks whether it is alone, and gives way when not: two such handles
// never both succeed, though both may fail.
Failure tryLock(int descriptor, bool writable, uint64_t byte, bool* taken);

// Waits as long as it takes. Not to be called on a thread that anyone waits for.
Failure lockWaiting(int descriptor, uint64_t byte);

Failure unlock(int descriptor, uint64_t byte);

// Gives back every lock of this description.
Failure unlockAll(int descriptor);

// Whether another description holds one of the bytes [byte, byte + count).
Failure isLocked(int descriptor, uint64_t byte, uint64_t count, bool* locked);

}  // namespace coppice
