// What one durable commit costs the operating system, without a database around it: pages written by
// pwritev, a meta of 512 bytes, one msync over the mapping.
//
//     cc -O2 bench/micro/flush-cost.c -o out/flush-cost && out/flush-cost FILE
//
// FILE is made on the disk that is to be measured, and removed. Each row is the median of 300
// commits; the rows take turns. docs/mmap.md reads the figures.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, COMMITS = 300, FILE_BYTES = 140 << 20, META_BYTES = 512 };

static char page[1 << 20];

struct commit {
  const char *what;
  int runs[4];     // pages of each run; the first follows the one of the commit before
  int ask;         // 1: fstat before, 2: statx for the size alone
  int scattered;   // as LMDB does it: fdatasync, and a meta through O_DSYNC
};

static const struct commit commits[] = {
    {"8 pages in one run", {8}, 0, 0},
    {"8 pages in two runs", {7, 1}, 0, 0},
    {"8 pages in one run, statx for the size before", {8}, 2, 0},
    {"8 pages in one run, fstat before", {8}, 1, 0},
    {"4 scattered pages, two flushes", {1, 1, 1, 1}, 0, 1},
};
enum { KINDS = sizeof commits / sizeof *commits };

static double wall(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static double processor(void) {
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 +
         (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e3;
}

static void must(int good, const char *what) {
  if (good) return;
  perror(what);
  exit(1);
}

static void write_run(int file, long at, int pages) {
  struct iovec pieces[8];
  for (int i = 0; i < pages; i++) pieces[i] = (struct iovec){page, PAGE};
  must(pwritev(file, pieces, pages, at) == (long)pages * PAGE, "pwritev");
}

static long anywhere(void) { return (rand() % (FILE_BYTES / PAGE - 600) + 256L) * PAGE; }

static void commit(const struct commit *kind, int file, int synced, char *map, long *next, int n) {
  struct stat status;
  struct statx extent;
  if (kind->ask == 1) fstat(file, &status);
  if (kind->ask == 2) statx(file, "", AT_EMPTY_PATH, STATX_SIZE | STATX_NLINK, &extent);
  page[5]++;
  for (int i = 0; i < 4 && kind->runs[i] > 0; i++) {
    const int follows = i == 0 && !kind->scattered;
    write_run(file, follows ? *next : anywhere(), kind->runs[i]);
    if (follows) *next += 8 * PAGE;
  }
  if (*next > FILE_BYTES - (1 << 20)) *next = 1 << 20;
  if (kind->scattered) must(fdatasync(file) == 0, "fdatasync");
  must(pwrite(kind->scattered ? synced : file, page, META_BYTES, n % 3 * PAGE) > 0, "pwrite");
  if (!kind->scattered) must(msync(map, 1 << 30, MS_SYNC) == 0, "msync");
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void measure(const char *path, int bytes_at_once) {
  unlink(path);
  const int file = open(path, O_RDWR | O_CREAT, 0666), synced = open(path, O_RDWR | O_DSYNC);
  must(file >= 0 && synced >= 0, path);
  for (long at = 0; at < FILE_BYTES; at += bytes_at_once) {
    must(pwrite(file, page, bytes_at_once, at) > 0, "pwrite");
  }
  must(fsync(file) == 0, "fsync");
  char *map = mmap(NULL, 1 << 30, PROT_READ, MAP_SHARED, file, 0);
  must(map != MAP_FAILED, "mmap");
  volatile char sum = 0;
  for (long at = 0; at < FILE_BYTES; at += PAGE) sum += map[at];
  static double took[KINDS][COMMITS], used[KINDS][COMMITS];
  long next = 1 << 20;
  for (int n = 0; n < COMMITS; n++) {
    for (int k = 0; k < KINDS; k++) {
      const double start = wall(), before = processor();
      commit(&commits[k], file, synced, map, &next, n);
      took[k][n] = wall() - start;
      used[k][n] = processor() - before;
    }
  }
  printf("\na file written %d KiB at a time    ms by the clock, of the processor\n",
         bytes_at_once >> 10);
  for (int k = 0; k < KINDS; k++) {
    qsort(took[k], COMMITS, sizeof(double), ascending);
    qsort(used[k], COMMITS, sizeof(double), ascending);
    printf("  %-48s %.3f  %.3f\n", commits[k].what, took[k][COMMITS / 2], used[k][COMMITS / 2]);
  }
  munmap(map, 1 << 30);
  close(file);
  close(synced);
  unlink(path);
}

int main(int count, char **words) {
  if (count != 2) {
    fprintf(stderr, "usage: flush-cost FILE\n");
    return 2;
  }
  measure(words[1], 64 << 10);
  measure(words[1], 1 << 20);
  return 0;
}
