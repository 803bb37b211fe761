#include "checksum.h"

#include <cstring>

#include "arguments.h"
#include "errors.h"
#include "fault-guard.h"

#define XXH_INLINE_ALL
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include "xxhash.h"
#pragma GCC diagnostic pop

namespace coppice {

namespace {

constexpr size_t kHashBytes = 8;
constexpr double kWord = 4294967295.0;

bool readSeed(napi_env env, napi_value low, napi_value high, uint64_t* seed) {
  uint64_t lowWord = 0;
  uint64_t highWord = 0;
  if (!readInteger(env, low, "the low half of the seed", 0, kWord, &lowWord)) return false;
  if (!readInteger(env, high, "the high half of the seed", 0, kWord, &highWord)) return false;
  *seed = highWord << 32 | lowWord;
  return true;
}

}  // namespace

uint64_t hashOf(const uint8_t* bytes, size_t length, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes, length, seed);
}

void storeHash(uint8_t* at, uint64_t hash) {
  for (size_t i = 0; i < kHashBytes; i++) at[i] = static_cast<uint8_t>(hash >> (8 * i));
}

void sealPage(uint8_t* bytes, size_t length, uint64_t secret, uint64_t page) {
  storeHash(bytes, hashOf(bytes + kHashBytes, length - kHashBytes, secret + page));
}

bool pageIsIntact(const uint8_t* bytes, size_t length, uint64_t secret, uint64_t page) {
  uint8_t expected[kHashBytes];
  storeHash(expected, hashOf(bytes + kHashBytes, length - kHashBytes, secret + page));
  return memcmp(expected, bytes, kHashBytes) == 0;
}

napi_value exportHash(napi_env env, napi_callback_info info) {
  size_t count = 7;
  napi_value values[7];
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  Bytes bytes;
  Bytes target;
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t seed = 0;
  uint64_t at = 0;
  if (!readBytes(env, values[0], "bytes", &bytes)) return nullptr;
  const double length = static_cast<double>(bytes.length);
  if (!readInteger(env, values[2], "end", 0, length, &end)) return nullptr;
  if (!readInteger(env, values[1], "start", 0, static_cast<double>(end), &start)) return nullptr;
  if (!readSeed(env, values[3], values[4], &seed)) return nullptr;
  if (!readBytes(env, values[5], "target", &target)) return nullptr;
  const double last = static_cast<double>(target.length) - static_cast<double>(kHashBytes);
  if (!readInteger(env, values[6], "at", 0, last, &at)) return nullptr;
  if (FaultGuard::covers(target.data)) {
    throwRange(env, "target lies in a mapping, which cannot be written to");
    return nullptr;
  }
  storeHash(target.data + at, hashOf(bytes.data + start, end - start, seed));
  return nullptr;
}

napi_value exportPageIsIntact(napi_env env, napi_callback_info info) {
  size_t count = 6;
  napi_value values[6];
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  Bytes bytes;
  uint64_t start = 0;
  uint64_t pageBytes = 0;
  uint64_t page = 0;
  uint64_t secret = 0;
  if (!readBytes(env, values[0], "bytes", &bytes)) return nullptr;
  const double length = static_cast<double>(bytes.length);
  if (!readInteger(env, values[2], "pageBytes", kHashBytes, length, &pageBytes)) return nullptr;
  const double last = length - static_cast<double>(pageBytes);
  if (!readInteger(env, values[1], "start", 0, last, &start)) return nullptr;
  if (!readInteger(env, values[3], "page", 0, kMaxSafe, &page)) return nullptr;
  if (!readSeed(env, values[4], values[5], &secret)) return nullptr;
  napi_value result = nullptr;
  napi_get_boolean(env, pageIsIntact(bytes.data + start, pageBytes, secret, page), &result);
  return result;
}

}  // namespace coppice
