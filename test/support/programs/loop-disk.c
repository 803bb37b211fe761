// A disk of a test's own: a file behind a loop device, mounted in a mount namespace that only this
// process and those who join it see. Its power can be cut at any time. When this process ends, the
// mount and the loop device end with it.
//
//     loop-disk IMAGE [FLAG]    then commands on stdin; each is answered by "ok" or "error CALL WHY".
//                               FLAG: a file whose first 32-bit word becomes 1 before a cut begins
//
//     mount FOLDER OPTIONS      OPTIONS as for mount(8), "-" for none; of the flags only ro and rw
//     remount FOLDER OPTIONS
//     umount FOLDER             waits for those who still have something open there
//     cut FOLDER HOW            FS_IOC_SHUTDOWN; HOW: 2 = the journal is dropped, 1 = it is flushed
//     storm FOLDER HOW MS SEED FILE ...   for MS ms writes random parts of the files back, then cuts
//     sync FOLDER               syncfs
//     save                      keeps in memory what the device has now
//     restore                   gives the device, unmounted, exactly that again
//     keep FILE                 writes what save has kept to a file
//     evict FILE                drops what is cached of a file and no process has mapped and touched
//     end BYTES                 the device ends there: past it nothing can be read; 0: as it was
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#endif

enum { kPiece = 65536, kMaxWords = 16 };

static _Atomic(int32_t)* cutFlag;
static int image;
static int device;
static char deviceName[64];
static char* saved;
static off_t savedBytes;
static uint32_t state;

static uint32_t below(uint32_t n) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state % n;
}

static int64_t nowMicros(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void answer(const char* failed) {
  if (failed == NULL) printf("ok\n");
  else printf("error %s %s\n", failed, strerror(errno));
  fflush(stdout);
}

static const char* attach(const char* path) {
  image = open(path, O_RDWR | O_CLOEXEC);
  if (image < 0) return "open";
  int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) return "loop-control";
  for (int tries = 0; tries < 100; tries++) {
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0) return "LOOP_CTL_GET_FREE";
    snprintf(deviceName, sizeof deviceName, "/dev/loop%d", number);
    mknod(deviceName, S_IFBLK | 0600, makedev(7, (unsigned)number));
    device = open(deviceName, O_RDWR | O_CLOEXEC);
    if (device < 0) return "open";
    struct loop_config config = {.fd = (uint32_t)image};
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (ioctl(device, LOOP_CONFIGURE, &config) == 0) {
      close(control);
      return NULL;
    }
    close(device);
    if (errno != EBUSY) return "LOOP_CONFIGURE";
  }
  return "LOOP_CONFIGURE";
}

static const char* shareFlag(const char* path) {
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return "open";
  void* words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (words == MAP_FAILED) return "mmap";
  cutFlag = words;
  return NULL;
}

static const char* mountAt(const char* folder, const char* options, unsigned long flags) {
  char data[256] = "";
  char copy[256];
  snprintf(copy, sizeof copy, "%s", options);
  for (char* word = strtok(copy, ","); word != NULL; word = strtok(NULL, ",")) {
    if (strcmp(word, "-") == 0 || strcmp(word, "rw") == 0) continue;
    if (strcmp(word, "ro") == 0) {
      flags |= MS_RDONLY;
      continue;
    }
    if (data[0] != 0) strcat(data, ",");
    strcat(data, word);
  }
  return mount(deviceName, folder, "ext4", flags, data) == 0 ? NULL : "mount";
}

static const char* unmount(const char* folder) {
  const int64_t deadline = nowMicros() + 5000000;
  while (umount2(folder, 0) != 0) {
    if (errno != EBUSY || nowMicros() > deadline) return "umount";
    usleep(2000);
  }
  return ioctl(device, BLKFLSBUF, 0) == 0 ? NULL : "BLKFLSBUF";
}

static const char* cut(const char* folder, int how) {
  int fd = open(folder, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "open";
  uint32_t flag = (uint32_t)how;
  if (cutFlag != NULL) atomic_store(cutFlag, 1);
  int result = ioctl(fd, FS_IOC_SHUTDOWN, &flag);
  close(fd);
  return result == 0 ? NULL : "FS_IOC_SHUTDOWN";
}

// Writes a random part of a file back, or all of it.
static void writeBack(int fd) {
  const unsigned all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  struct stat status;
  if (fstat(fd, &status) != 0 || status.st_size < 4096) return;
  const uint32_t pages = (uint32_t)(status.st_size / 4096);
  const uint32_t kind = below(100);
  if (kind < 20) sync_file_range(fd, 0, 4096, all);
  else if (kind < 88) sync_file_range(fd, below(pages) * 4096LL, (1 + below(1 + below(64))) * 4096LL, all);
  else if (kind < 95) sync_file_range(fd, 4096, 0, all);
  else if (kind < 98) fdatasync(fd);
  else fsync(fd);
}

static const char* storm(const char* folder, int how, int ms, char** paths, int count) {
  int files[kMaxWords];
  for (int i = 0; i < count; i++) files[i] = -1;
  const int64_t end = nowMicros() + ms * 1000LL;
  int last = (int)below(5);
  while (nowMicros() < end || last-- > 0) {
    const int i = below(4) > 0 ? 0 : (int)below((uint32_t)count);
    if (files[i] < 0) files[i] = open(paths[i], O_RDWR | O_CLOEXEC);
    if (files[i] >= 0) writeBack(files[i]);
    if (nowMicros() < end) usleep(below(2500));
  }
  const char* failed = cut(folder, how);
  for (int i = 0; i < count; i++) {
    if (files[i] >= 0) close(files[i]);
  }
  return failed;
}

// The parts of the image that hold something, one after another.
static int nextPart(off_t* from, off_t* until) {
  *from = lseek(image, *until, SEEK_DATA);
  if (*from < 0) return 0;
  *until = lseek(image, *from, SEEK_HOLE);
  return *until > *from;
}

static const char* save(void) {
  struct stat status;
  if (fstat(image, &status) != 0) return "fstat";
  free(saved);
  savedBytes = status.st_size;
  saved = calloc(1, (size_t)savedBytes);
  off_t from = 0;
  off_t until = 0;
  while (nextPart(&from, &until)) {
    for (off_t at = from; at < until;) {
      ssize_t n = pread(image, saved + at, (size_t)(until - at), at);
      if (n <= 0) return "pread";
      at += n;
    }
  }
  return NULL;
}

static const char* restore(void) {
  static char piece[kPiece];
  off_t from = 0;
  off_t until = 0;
  while (nextPart(&from, &until)) {
    for (off_t at = from; at < until;) {
      const size_t want = until - at < kPiece ? (size_t)(until - at) : (size_t)kPiece;
      ssize_t n = pread(image, piece, want, at);
      if (n <= 0) return "pread";
      if (memcmp(piece, saved + at, (size_t)n) != 0 && pwrite(image, saved + at, (size_t)n, at) != n) return "pwrite";
      at += n;
    }
  }
  return NULL;
}

static const char* keep(const char* path) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return "open";
  const int failed = saved == NULL || write(fd, saved, (size_t)savedBytes) != savedBytes;
  close(fd);
  return failed ? "write" : NULL;
}

static const char* onFile(const char* path, const char* command) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "open";
  int failed = 0;
  if (strcmp(command, "sync") == 0) failed = syncfs(fd) != 0;
  else failed = (errno = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED)) != 0;
  close(fd);
  return failed ? command : NULL;
}

static const char* endAt(uint64_t bytes) {
  struct loop_info64 info;
  if (ioctl(device, LOOP_GET_STATUS64, &info) != 0) return "LOOP_GET_STATUS64";
  info.lo_sizelimit = bytes;
  return ioctl(device, LOOP_SET_STATUS64, &info) == 0 ? NULL : "LOOP_SET_STATUS64";
}

static const char* obey(char** words, int count) {
  const char* command = words[0];
  const char* folder = count > 1 ? words[1] : "";
  const char* third = count > 2 ? words[2] : "-";
  if (strcmp(command, "mount") == 0) return mountAt(folder, third, 0);
  if (strcmp(command, "remount") == 0) return mountAt(folder, third, MS_REMOUNT);
  if (strcmp(command, "umount") == 0) return unmount(folder);
  if (strcmp(command, "cut") == 0) return cut(folder, atoi(third));
  if (strcmp(command, "sync") == 0 || strcmp(command, "evict") == 0) return onFile(folder, command);
  if (strcmp(command, "save") == 0) return save();
  if (strcmp(command, "restore") == 0) return restore();
  if (strcmp(command, "keep") == 0) return keep(folder);
  if (strcmp(command, "end") == 0) return endAt(strtoull(folder, NULL, 10));
  if (strcmp(command, "storm") == 0 && count > 5) {
    state = (uint32_t)strtoul(words[4], NULL, 10) | 1;
    return storm(folder, atoi(third), atoi(words[3]), words + 5, count - 5);
  }
  errno = EINVAL;
  return command;
}

int main(int count, char** parameters) {
  if (count < 2) return 2;
  const char* failed = NULL;
  if (unshare(CLONE_NEWNS) != 0) failed = "unshare";
  else if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) failed = "mount";
  else failed = attach(parameters[1]);
  if (failed == NULL && count > 2) failed = shareFlag(parameters[2]);
  answer(failed);
  if (failed != NULL) return 1;
  char line[4096];
  while (fgets(line, sizeof line, stdin) != NULL) {
    char* words[kMaxWords];
    int n = 0;
    for (char* word = strtok(line, " \n"); word != NULL && n < kMaxWords; word = strtok(NULL, " \n")) words[n++] = word;
    if (n > 0) answer(obey(words, n));
  }
  return 0;
}
