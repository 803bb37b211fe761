#include "thread.h"

#include <pthread.h>
#include <signal.h>

#include <memory>
#include <utility>

namespace coppice {

namespace {

void* enter(void* argument) {
  std::unique_ptr<std::function<void()>> body(static_cast<std::function<void()>*>(argument));
  (*body)();
  return nullptr;
}

}  // namespace

Failure startThread(std::function<void()> body) {
  auto owned = std::make_unique<std::function<void()>>(std::move(body));
  // The new thread inherits the mask: the host's signals go to the host's threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  for (int fault : {SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGABRT}) sigdelset(&all, fault);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 512 * 1024);  // musl's default, 128 KiB, is tight
  pthread_t thread;
  const int code = pthread_create(&thread, &attributes, enter, owned.get());
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (code != 0) return {code, "pthread_create"};
  owned.release();
  return {};
}

}  // namespace coppice
