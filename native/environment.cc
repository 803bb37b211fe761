#include "environment.h"

#include <sys/mman.h>

#include <cstdint>

namespace coppice {

SharedMemory::~SharedMemory() {
  if (guard != nullptr) guard->give();
  if (base != nullptr) munmap(base, bytes);
}

Environment::Environment(Napi::Env env) {
  napi_add_env_cleanup_hook(env, onEnvironmentGone, this);
}

Environment* Environment::of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<Environment*>(data);
}

std::shared_ptr<Channel> Environment::channel(napi_env env) {
  if (channel_ == nullptr) channel_ = Channel::open(env);
  return channel_;
}

void Environment::enter(const std::shared_ptr<SharedMemory>& memory) {
  for (std::weak_ptr<SharedMemory>& entry : memories_) {
    if (!entry.expired()) continue;
    entry = memory;
    return;
  }
  memories_.push_back(memory);
}

std::shared_ptr<SharedMemory> Environment::memoryAt(const void* address) {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  for (const std::weak_ptr<SharedMemory>& entry : memories_) {
    std::shared_ptr<SharedMemory> memory = entry.lock();
    if (memory == nullptr) continue;
    const auto base = reinterpret_cast<uintptr_t>(memory->base);
    if (wanted >= base && wanted < base + memory->bytes) return memory;
  }
  return nullptr;
}

void Environment::leaveCounted(napi_env env, int64_t bytes) {
  if (bytes <= counted_) return;
  adjustExternalMemory(env, bytes - counted_);
  counted_ = bytes;
}

void adjustExternalMemory(napi_env env, int64_t bytes) {
  int64_t total = 0;
  napi_adjust_external_memory(env, bytes, &total);
}

void Environment::onEnvironmentGone(void* self) {
  // The threads of a parent do not live in its forked child, and its locks may be held for ever.
  if (forkedChild()) return;
  auto* environment = static_cast<Environment*>(self);
  if (environment->channel_ != nullptr) environment->channel_->shut();
  std::set<Resident*> residents;
  residents.swap(environment->residents_);
  for (Resident* resident : residents) resident->leave();
}

}  // namespace coppice
