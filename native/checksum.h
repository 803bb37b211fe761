// XXH3-64, and the checksum in the first eight bytes of a page.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>

namespace coppice {

uint64_t hashOf(const uint8_t* bytes, size_t length, uint64_t seed);

// Little-endian, whatever the machine.
void storeHash(uint8_t* at, uint64_t hash);

// Sets bytes [0, 8) to the hash of [8, length), seeded with `secret` + `page`, wrapping.
void sealPage(uint8_t* bytes, size_t length, uint64_t secret, uint64_t page);
bool pageIsIntact(const uint8_t* bytes, size_t length, uint64_t secret, uint64_t page);

// The exports `hash` and `pageIsIntact`.
napi_value exportHash(napi_env env, napi_callback_info info);
napi_value exportPageIsIntact(napi_env env, napi_callback_info info);

}  // namespace coppice
