/*
 * LMDB itself, by the liblmdb of the system, called from C: what the workloads cost without
 * JavaScript. Built on demand by lmdb-c.ts; does what the workloads of bench/workloads do, on the
 * same keys and values, and checks what it reads.
 *
 *     lmdb-c WORKLOAD FOLDER ROWS GETS TRANSACTIONS PUTS
 *
 * Takes "fill", "round" and "close", a line each, and answers each with a line of JSON (the replies
 * of protocol.ts). Default flags: a commit is on the disk when it returns. One read transaction
 * for all reads of a round, which is the fastest way of LMDB's own.
 */

#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

enum { KEY_BYTES = 15, VALUE_BYTES = 100, ROWS_EACH = 1000, SEEK_ENTRIES = 100 };

static const char *workload;
static uint32_t rows, gets, transactions, puts_each;
static MDB_env *env;
static MDB_dbi dbi;
static unsigned char value[VALUE_BYTES];
static uint32_t seed = 1;

static void check(int rc, const char *what) {
  if (rc == 0) return;
  fprintf(stderr, "%s: %s\n", what, mdb_strerror(rc));
  exit(1);
}

static void require_seen(uint64_t found, uint64_t expected) {
  if (found == expected) return;
  fprintf(stderr, "what was read adds up to %llu, not %llu\n", (unsigned long long)found,
          (unsigned long long)expected);
  exit(1);
}

static void *allocate(size_t bytes) {
  void *memory = malloc(bytes > 0 ? bytes : 1);
  if (memory == NULL) check(MDB_PANIC, "malloc");
  return memory;
}

/* The same permutation as that of data.ts. */
static uint32_t mix(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x45d9f3bu;
  x = (x ^ (x >> 16)) * 0x45d9f3bu;
  return x ^ (x >> 16);
}

static uint32_t row_at(uint32_t i, uint32_t of_seed, uint32_t among) {
  return mix(i + of_seed * 0x9e3779b1u) % among;
}

/* Keys as a user has them before the call: `bytes` each. */
static char *keys_of(const uint32_t *of, uint32_t count, const char *end) {
  size_t bytes = KEY_BYTES + strlen(end);
  char *keys = allocate((size_t)count * bytes + 1);
  for (uint32_t i = 0; i < count; i++) sprintf(keys + i * bytes, "%015u%s", of[i], end);
  return keys;
}

static uint64_t seen_value(const unsigned char *bytes, size_t length) {
  return length + (bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16);
}
static uint64_t seen_key(const char *bytes, size_t length) {
  return length + (unsigned char)bytes[length - 1];
}
static uint64_t expected_value(uint32_t row) { return VALUE_BYTES + (row & 0xffffff); }
static uint64_t expected_entry(uint32_t row) {
  return KEY_BYTES + 48 + row % 10 + expected_value(row);
}

static void open_in(const char *folder) {
  MDB_txn *txn;
  mkdir(folder, 0777);
  check(mdb_env_create(&env), "mdb_env_create");
  check(mdb_env_set_mapsize(env, (size_t)1 << 40), "mdb_env_set_mapsize");
  check(mdb_env_open(env, folder, 0, 0666), "mdb_env_open");
  check(mdb_txn_begin(env, NULL, 0, &txn), "mdb_txn_begin");
  check(mdb_dbi_open(txn, NULL, 0, &dbi), "mdb_dbi_open");
  check(mdb_txn_commit(txn), "mdb_txn_commit");
}

static double wall_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}
static double cpu_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* One write transaction: `stamped` gives each row the value that tells which row it is. */
static void write_rows(const uint32_t *of, uint32_t count, unsigned flags, int stamped) {
  MDB_txn *txn;
  char *keys = keys_of(of, count, "");
  check(mdb_txn_begin(env, NULL, 0, &txn), "mdb_txn_begin");
  for (uint32_t i = 0; i < count; i++) {
    MDB_val key = {KEY_BYTES, keys + (size_t)i * KEY_BYTES}, data = {VALUE_BYTES, value};
    if (stamped) {
      value[0] = of[i];
      value[1] = of[i] >> 8;
      value[2] = of[i] >> 16;
    }
    check(mdb_put(txn, dbi, &key, &data, flags), "mdb_put");
  }
  check(mdb_txn_commit(txn), "mdb_txn_commit");
  free(keys);
}

static uint32_t *ascending(uint32_t count) {
  uint32_t *of = allocate((size_t)count * sizeof *of);
  for (uint32_t i = 0; i < count; i++) of[i] = i;
  return of;
}

static void fill(void) {
  uint32_t *of = ascending(rows);
  write_rows(of, rows, MDB_APPEND, 1);
  free(of);
}

/* What the clock runs for. */
typedef struct {
  double wall, cpu;
} Times;
static Times now(void) { return (Times){wall_ms(), cpu_ms()}; }
static Times since(Times t) { return (Times){wall_ms() - t.wall, cpu_ms() - t.cpu}; }

/* Point reads; with `copies` the bytes are copied out, as those of the other contenders are. */
static Times point_reads(uint32_t among, const char *end, int copies) {
  uint32_t *of = allocate((size_t)gets * sizeof *of);
  size_t bytes = KEY_BYTES + strlen(end);
  unsigned char copy[VALUE_BYTES];
  uint64_t seen = 0, expected = 0;
  MDB_txn *txn;
  for (uint32_t i = 0; i < gets; i++) {
    of[i] = row_at(i, 1, among);
    if (*end == 0) expected += copies ? expected_value(of[i]) : 1;
  }
  char *keys = keys_of(of, gets, end);
  Times start = now();
  check(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "mdb_txn_begin");
  for (uint32_t i = 0; i < gets; i++) {
    MDB_val key = {bytes, keys + i * bytes}, data;
    if (mdb_get(txn, dbi, &key, &data) != 0) continue;
    if (!copies) {
      seen++;
      continue;
    }
    memcpy(copy, data.mv_data, data.mv_size < sizeof copy ? data.mv_size : sizeof copy);
    seen += seen_value(copy, data.mv_size);
  }
  mdb_txn_abort(txn);
  Times times = since(start);
  require_seen(seen, expected);
  free(keys);
  free(of);
  return times;
}

/* From a key, or from an end of the store; NULL: the whole store. */
static uint64_t walk(MDB_cursor *cursor, char *from, uint64_t limit, int reverse) {
  MDB_val key = {KEY_BYTES, from}, data;
  uint64_t seen = 0;
  MDB_cursor_op op = from != NULL ? MDB_SET_RANGE : reverse ? MDB_LAST : MDB_FIRST;
  for (; limit > 0 && mdb_cursor_get(cursor, &key, &data, op) == 0; limit--) {
    seen += seen_key(key.mv_data, key.mv_size) + seen_value(data.mv_data, data.mv_size);
    op = reverse ? MDB_PREV : MDB_NEXT;
  }
  return seen;
}

static Times scans(int seeks, int reverse) {
  uint32_t count = seeks ? (gets + SEEK_ENTRIES - 1) / SEEK_ENTRIES : 1;
  uint32_t entries = seeks && rows > SEEK_ENTRIES ? SEEK_ENTRIES : rows;
  uint32_t *of = allocate((size_t)count * sizeof *of);
  uint64_t seen = 0, expected = 0;
  MDB_txn *txn;
  MDB_cursor *cursor;
  for (uint32_t i = 0; i < count; i++) {
    of[i] = seeks ? row_at(i, 1, rows - entries + 1) : 0;
    for (uint32_t row = of[i]; row < of[i] + entries; row++) expected += expected_entry(row);
  }
  char *keys = keys_of(of, count, "");
  Times start = now();
  check(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "mdb_txn_begin");
  check(mdb_cursor_open(txn, dbi, &cursor), "mdb_cursor_open");
  for (uint32_t i = 0; i < count; i++) {
    seen += walk(cursor, seeks ? keys + (size_t)i * KEY_BYTES : NULL, entries, reverse);
  }
  mdb_cursor_close(cursor);
  mdb_txn_abort(txn);
  Times times = since(start);
  require_seen(seen, expected);
  free(keys);
  free(of);
  return times;
}

/* So many transactions of so many rows drawn at random. */
static Times writes(uint32_t count, uint32_t each) {
  uint32_t *of = allocate((size_t)each * sizeof *of);
  MDB_txn *txn;
  MDB_stat stat;
  Times times = {0, 0};
  for (uint32_t t = 0; t < count; t++, seed++) {
    for (uint32_t i = 0; i < each; i++) of[i] = row_at(i, seed, rows);
    value[0]++;
    Times start = now();
    write_rows(of, each, 0, 0);
    Times took = since(start);
    times = (Times){times.wall + took.wall, times.cpu + took.cpu};
  }
  check(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "mdb_txn_begin");
  char *keys = keys_of(of, each, "");
  for (uint32_t i = 0; i < each; i++) {
    MDB_val key = {KEY_BYTES, keys + (size_t)i * KEY_BYTES}, data;
    check(mdb_get(txn, dbi, &key, &data), "the key that was written last");
    require_seen(data.mv_size == VALUE_BYTES && memcmp(data.mv_data, value, VALUE_BYTES) == 0, 1);
  }
  check(mdb_stat(txn, dbi, &stat), "mdb_stat");
  require_seen(stat.ms_entries, rows);
  mdb_txn_abort(txn);
  free(keys);
  free(of);
  return times;
}

typedef struct {
  long long calls, bytes;
} Written;

static Written written(void) {
  Written w = {0, 0};
  char line[128];
  FILE *io = fopen("/proc/self/io", "r");
  while (io != NULL && fgets(line, sizeof line, io) != NULL) {
    sscanf(line, "syscw: %lld", &w.calls);
    sscanf(line, "wchar: %lld", &w.bytes);
  }
  if (io != NULL) fclose(io);
  return w;
}

static void play_round(void) {
  uint32_t operations = gets;
  long long bytes_put = 0;
  Times times;
  struct rusage before, after;
  Written w = written();
  getrusage(RUSAGE_SELF, &before);
  if (strcmp(workload, "readrandom") == 0) times = point_reads(rows, "", 1);
  else if (strcmp(workload, "searchrandom") == 0) times = point_reads(rows, "", 0);
  else if (strcmp(workload, "readhot") == 0) times = point_reads((rows + 99) / 100, "", 1);
  else if (strcmp(workload, "readmissing") == 0) times = point_reads(rows, "5", 1);
  else if (strcmp(workload, "seekrandom") == 0) {
    times = scans(1, 0);
    operations = (gets + SEEK_ENTRIES - 1) / SEEK_ENTRIES;
  } else if (strcmp(workload, "readseq") == 0 || strcmp(workload, "readreverse") == 0) {
    times = scans(0, strcmp(workload, "readreverse") == 0);
    operations = rows;
  } else if (strcmp(workload, "overwrite") == 0) {
    times = writes(transactions, ROWS_EACH);
    operations = transactions * ROWS_EACH;
    bytes_put = (long long)operations * (KEY_BYTES + VALUE_BYTES);
  } else if (strcmp(workload, "fillsync") == 0) {
    times = writes(puts_each, 1);
    operations = puts_each;
    bytes_put = (long long)operations * (KEY_BYTES + VALUE_BYTES);
  } else {
    fprintf(stderr, "no workload \"%s\"\n", workload);
    exit(1);
  }
  getrusage(RUSAGE_SELF, &after);
  Written w2 = written();
  printf("{\"kind\":\"round\",\"operations\":%u,\"ms\":%.6f,\"cpuMs\":%.6f,\"bytesPut\":%lld,"
         "\"writes\":{\"calls\":%lld,\"bytes\":%lld},\"faults\":{\"minor\":%ld,\"major\":%ld}}\n",
         operations, times.wall, times.cpu, bytes_put, w2.calls - w.calls, w2.bytes - w.bytes,
         after.ru_minflt - before.ru_minflt, after.ru_majflt - before.ru_majflt);
}

int main(int argc, char **argv) {
  char line[32];
  struct rusage usage;
  if (argc != 7) return 2;
  workload = argv[1];
  rows = strtoul(argv[3], NULL, 10);
  gets = strtoul(argv[4], NULL, 10);
  transactions = strtoul(argv[5], NULL, 10);
  puts_each = strtoul(argv[6], NULL, 10);
  for (uint32_t i = 0; i < VALUE_BYTES; i++) value[i] = mix(i) & 0xff;
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("{\"kind\":\"started\"}");
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (env == NULL) open_in(argv[2]);
    if (strcmp(line, "fill\n") == 0) {
      double start = wall_ms();
      fill();
      printf("{\"kind\":\"filled\",\"ms\":%.3f}\n", wall_ms() - start);
    } else if (strcmp(line, "round\n") == 0) {
      play_round();
    } else {
      mdb_env_close(env);
      getrusage(RUSAGE_SELF, &usage);
      printf("{\"kind\":\"closed\",\"peakRssBytes\":%lld}\n", usage.ru_maxrss * 1024LL);
      return 0;
    }
  }
  return 1;
}
