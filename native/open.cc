#include "open.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#else
#include <sys/param.h>
#endif

#include <cstdlib>

namespace coppice {

namespace {

bool sameFile(int a, int b) {
  struct stat first = {};
  struct stat second = {};
  return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

std::string pathOf(int descriptor) {
#ifdef __APPLE__  // not compiled by us
  char path[MAXPATHLEN];
  return fcntl(descriptor, F_GETPATH, path) == 0 ? std::string(path) : std::string();
#else
  return "/proc/self/fd/" + std::to_string(descriptor);
#endif
}

}  // namespace

Failure openPath(const std::string& path, int flags, std::shared_ptr<Descriptor>* out) {
  int number = -1;
  do {
    number = open(path.c_str(), flags | O_CLOEXEC, 0666);
  } while (number < 0 && errno == EINTR);
  if (number < 0) return Failure::of("open");
  *out = std::make_shared<Descriptor>(number);
  return {};
}

Failure openMemory(std::shared_ptr<Descriptor>* out) {
#ifdef __linux__
  constexpr unsigned kCloseOnExec = 1;  // MFD_CLOEXEC, which old headers lack
  const long number = syscall(SYS_memfd_create, "coppice", kCloseOnExec);
  if (number < 0) return Failure::of("memfd_create");
  *out = std::make_shared<Descriptor>(static_cast<int>(number));
  return {};
#else  // not compiled by us
  const char* folder = getenv("TMPDIR");
  std::string path = std::string(folder == nullptr ? "/tmp" : folder) + "/coppice-XXXXXX";
  const int number = mkostemp(&path[0], O_CLOEXEC);
  if (number < 0) return Failure::of("mkostemp");
  unlink(path.c_str());
  *out = std::make_shared<Descriptor>(number);
  return {};
#endif
}

Failure openAgain(int descriptor, bool write, std::shared_ptr<Descriptor>* out) {
  const std::string path = pathOf(descriptor);
  if (!path.empty() && !openPath(path, write ? O_RDWR : O_RDONLY, out)) {
    if (sameFile(descriptor, (*out)->number())) return {};
    out->reset();
  }
  const int duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) return Failure::of("fcntl");
  *out = std::make_shared<Descriptor>(duplicate);
  return {};
}

}  // namespace coppice
