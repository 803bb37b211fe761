#include "system.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#include <sys/vfs.h>
#else
#include <sys/sysctl.h>
#endif

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "arguments.h"
#include "errors.h"
#include "file-io.h"
#include "file.h"
#include "open.h"

namespace coppice {

namespace {

Failure renameExclusively(const char* from, const char* to) {
#ifdef __APPLE__  // not compiled by us
  return renamex_np(from, to, RENAME_EXCL) == 0 ? Failure() : Failure::of("renamex_np");
#else
  constexpr unsigned kNoReplace = 1;  // RENAME_NOREPLACE, which old headers lack
#ifdef SYS_renameat2
  if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, kNoReplace) == 0) return {};
  if (errno != ENOSYS && errno != EINVAL) return Failure::of("renameat2");
#endif
  // A link does not replace either. Between the two calls the file has both names.
  if (link(from, to) != 0) return Failure::of("link");
  return unlink(from) == 0 ? Failure() : Failure::of("unlink");
#endif
}

// Up to `length` - 1 bytes of a small file of /proc, with a NUL after them.
bool slurp(const char* path, char* text, size_t length) {
  std::shared_ptr<Descriptor> file;
  size_t read = 0;
  if (openPath(path, O_RDONLY, &file)) return false;
  uint8_t* target = reinterpret_cast<uint8_t*>(text);
  if (readFully(file->number(), target, length - 1, 0, &read)) return false;
  text[read] = '\0';
  return true;
}

double threadId() {
#ifdef __linux__
  return static_cast<double>(syscall(SYS_gettid));
#else  // not compiled by us
  uint64_t id = 0;
  pthread_threadid_np(nullptr, &id);
  return static_cast<double>(id);
#endif
}

double startedAt() {
#ifdef __linux__
  char text[1024];
  if (!slurp("/proc/self/stat", text, sizeof text)) return 0;
  // The name in parentheses may hold anything; 20 fields on from its end comes the start.
  const char* at = strrchr(text, ')');
  for (int field = 0; at != nullptr && field < 20; field++) at = strchr(at + 1, ' ');
  return at == nullptr ? 0 : strtod(at, nullptr);
#else  // not compiled by us
  struct kinfo_proc process = {};
  size_t length = sizeof process;
  int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, getpid()};
  if (sysctl(name, 4, &process, &length, nullptr, 0) != 0) return 0;
  const struct timeval start = process.kp_proc.p_starttime;
  return static_cast<double>(start.tv_sec) * 1e6 + start.tv_usec;
#endif
}

std::string bootId() {
#ifdef __linux__
  char text[64];
  if (!slurp("/proc/sys/kernel/random/boot_id", text, sizeof text)) return "";
  text[strcspn(text, "\n")] = '\0';
  return text;
#else  // not compiled by us
  char text[64] = {};
  size_t length = sizeof text - 1;
  return sysctlbyname("kern.bootsessionuuid", text, &length, nullptr, 0) == 0 ? text : "";
#endif
}

const char* kindOf(mode_t mode) {
  if (S_ISREG(mode)) return "file";
  return S_ISDIR(mode) ? "directory" : "other";
}

}  // namespace

Napi::Value statusOf(Napi::Env env, int descriptor) {
  struct stat status = {};
  if (fstat(descriptor, &status) != 0) {
    throwFailure(env, Failure::of("fstat"));
    return Napi::Value();
  }
  double filesystem = 0;
#ifdef __linux__
  struct statfs volume = {};
  while (fstatfs(descriptor, &volume) != 0) {
    if (errno == EINTR) continue;
    throwFailure(env, Failure::of("fstatfs"));
    return Napi::Value();
  }
  filesystem = static_cast<double>(static_cast<uint32_t>(volume.f_type));
#endif
  Napi::Object result = Napi::Object::New(env);
  result.Set("device", std::to_string(static_cast<uint64_t>(status.st_dev)));
  result.Set("inode", std::to_string(static_cast<uint64_t>(status.st_ino)));
  result.Set("kind", kindOf(status.st_mode));
  result.Set("sizeBytes", static_cast<double>(status.st_size));
  // Whatever the block size of the filesystem, st_blocks counts 512 bytes.
  result.Set("allocatedBytes", static_cast<double>(status.st_blocks) * 512);
  result.Set("links", static_cast<double>(status.st_nlink));
  result.Set("filesystem", filesystem);
  return result;
}

Napi::Value exportRenameNoReplace(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string from;
  std::string to;
  if (!readPath(env, info[0], "from", &from) || !readPath(env, info[1], "to", &to)) {
    return Napi::Value();
  }
  if (Failure failure = renameExclusively(from.c_str(), to.c_str())) throwFailure(env, failure);
  return Napi::Value();
}

Napi::Value exportSyncDirectory(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string path;
  std::shared_ptr<Descriptor> directory;
  if (!readPath(env, info[0], "path", &path)) return Napi::Value();
  Failure failure = openPath(path, O_RDONLY | O_DIRECTORY, &directory);
  while (!failure && fsync(directory->number()) != 0) {
    if (errno != EINTR) failure = Failure::of("fsync");
  }
  if (failure) throwFailure(env, failure);
  return Napi::Value();
}

Napi::Value exportFaults(const Napi::CallbackInfo& info) {
  struct rusage usage = {};
  if (getrusage(RUSAGE_SELF, &usage) != 0) {
    throwFailure(info.Env(), Failure::of("getrusage"));
    return Napi::Value();
  }
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("minor", static_cast<double>(usage.ru_minflt));
  result.Set("major", static_cast<double>(usage.ru_majflt));
  return result;
}

Napi::Value exportBootId(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), bootId());
}

Napi::Value exportIdentity(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("pid", static_cast<double>(getpid()));
  result.Set("thread", threadId());
  result.Set("startedAt", startedAt());
  return result;
}

Napi::Value exportForked(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), forkedChild());
}

}  // namespace coppice
