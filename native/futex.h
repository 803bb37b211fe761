// Waiting for a word that other processes change, on a page that they have mapped too.
#pragma once

#include <cstdint>

namespace coppice {

// Waits until somebody wakes those who wait on the word, as long as it is `seen`; for `timeoutMs` at
// most. May return for no reason. A page that cannot be read takes as long as a short sleep.
void waitOnWord(const int32_t* word, int32_t seen, int timeoutMs);

// Wakes all who wait on the word, in every process.
void wakeOnWord(const int32_t* word);

}  // namespace coppice
