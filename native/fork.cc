#include "fork.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

namespace coppice {

namespace {

// The descriptors to close in a child. The child's handler may only use async-signal-safe calls,
// so no lock and no allocation stand between it and this list: entries are claimed and cleared by
// one atomic each, and chunks are never freed.
struct Chunk {
  std::atomic<int> entries[256];  // number + 1, or 0 when unused
  std::atomic<Chunk*> next;
};

Chunk firstChunk;
std::atomic<bool> isChild;

void note(int number) {
  for (Chunk* chunk = &firstChunk;;) {
    for (std::atomic<int>& entry : chunk->entries) {
      int unused = 0;
      if (entry.compare_exchange_strong(unused, number + 1)) return;
    }
    Chunk* next = chunk->next.load();
    if (next == nullptr) {
      Chunk* made = new Chunk();
      if (chunk->next.compare_exchange_strong(next, made)) {
        next = made;
      } else {
        delete made;
      }
    }
    chunk = next;
  }
}

void forget(int number) {
  for (Chunk* chunk = &firstChunk; chunk != nullptr; chunk = chunk->next.load()) {
    for (std::atomic<int>& entry : chunk->entries) {
      int found = number + 1;
      if (entry.compare_exchange_strong(found, 0)) return;
    }
  }
}

void inChild() {
  isChild.store(true);
  for (Chunk* chunk = &firstChunk; chunk != nullptr; chunk = chunk->next.load()) {
    for (std::atomic<int>& entry : chunk->entries) {
      const int number = entry.exchange(0) - 1;
      if (number >= 0) close(number);
    }
  }
}

void registerHandler() { pthread_atfork(nullptr, nullptr, inChild); }

}  // namespace

void watchForks() {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, registerHandler);
}

bool forkedChild() { return isChild.load(std::memory_order_relaxed); }

Descriptor::Descriptor(int number) : number_(number) { note(number); }

Descriptor::~Descriptor() {
  if (forkedChild()) return;
  forget(number_);
  close(number_);
}

}  // namespace coppice
