// A job: the I/O of one commit as a short program. src/pager/job.ts has its grammar.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "arguments.h"
#include "failure.h"
#include "mmap.h"
#include "writer-lock.h"

namespace coppice {

enum class Op {
  WritePages = 1,
  Write = 2,
  Zero = 3,
  Flush = 4,
  Store = 5,
  Notify = 6,
  Release = 7,
  Guard = 8,
  StoreErrno = 9,
  Punch = 10,
  Wake = 11,
  Load = 12,  // made by NativeFile::load alone: no step of a job that JavaScript gives
};

struct Piece {
  uint8_t* data = nullptr;
  size_t length = 0;
  uint64_t fileOffset = 0;
};

struct Step {
  Op op = Op::Flush;
  // WritePages, Write: pieces [firstPiece, firstPiece + pieceCount) of the job.
  size_t firstPiece = 0;
  size_t pieceCount = 0;
  size_t pageBytes = 0;
  uint64_t secret = 0;
  // Zero, Punch, Load.
  uint64_t fileOffset = 0;
  uint64_t length = 0;
  // Store, Guard; StoreErrno, Wake (no value).
  int32_t* word = nullptr;
  int32_t value = 0;
  // Wake: see word-wait.h.
  int32_t* waits = nullptr;
  int32_t* woken = nullptr;
};

struct Job {
  std::vector<Piece> pieces;
  bool flushes = false;  // it has a FLUSH
  std::vector<Step> main;
  std::vector<Step> onAbort;
  std::vector<Step> onPoison;
  std::vector<Step> finally;
};

// What a job works on. Everything in it lives as long as the job.
struct JobHost {
  int descriptor = -1;
  std::shared_ptr<Mapping> mapping;  // none: the file was never mapped
  std::shared_ptr<WriterLock> writerLock;
  std::shared_ptr<void> wordsOwner;
  std::function<void()> notify;  // none: nobody listens
};

// Checks every index and length against what it points into, so that runJob reads and writes
// nothing else. False, and `why`, when the steps do not follow the grammar.
bool parseJob(const double* steps, size_t length, const std::vector<Bytes>& buffers, Words words,
              Job* job, std::string* why);

// Runs it here. What is returned is the failure of the main section, unless its ON_ABORT failed
// too: then that of ON_ABORT, after ON_POISON.
Failure runJob(const Job& job, const JobHost& host);

}  // namespace coppice
