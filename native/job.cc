#include "job.h"

#include <sys/uio.h>

#include "checksum.h"
#include "file-io.h"
#include "futex.h"

namespace coppice {

namespace {

struct Outcome {
  Failure failure;
  bool abort = false;  // nothing that is in use was changed
};

bool diskIsFull(int code) { return code == ENOSPC || code == EDQUOT || code == EFBIG; }

// Writes the pieces, each chain of adjacent ones at once.
Failure writePieces(const Piece* pieces, size_t count, int descriptor) {
  std::vector<struct iovec> chain;
  for (size_t first = 0; first < count;) {
    const uint64_t offset = pieces[first].fileOffset;
    uint64_t end = offset;
    chain.clear();
    while (first < count && pieces[first].fileOffset == end) {
      chain.push_back({pieces[first].data, pieces[first].length});
      end += pieces[first].length;
      first++;
    }
    if (Failure failure = writeFully(descriptor, chain.data(), chain.size(), offset)) {
      return failure;
    }
  }
  return {};
}

void sealPieces(const Step& step, const Piece* pieces) {
  for (size_t i = 0; i < step.pieceCount; i++) {
    uint64_t page = pieces[i].fileOffset / step.pageBytes;
    for (size_t at = 0; at < pieces[i].length; at += step.pageBytes) {
      sealPage(pieces[i].data + at, step.pageBytes, step.secret, page++);
    }
  }
}

// See word-wait.h. The order is what it rests on: what is noted as woken was waiting before the wake.
void wake(const Step& step) {
  const int32_t waits = __atomic_load_n(step.waits, __ATOMIC_SEQ_CST);
  if (waits == __atomic_load_n(step.woken, __ATOMIC_SEQ_CST)) return;
  wakeOnWord(step.word);
  __atomic_store_n(step.woken, waits, __ATOMIC_SEQ_CST);
}

Outcome written(Failure failure) { return {failure, diskIsFull(failure.code)}; }

Outcome runStep(const Step& step, const Job& job, const JobHost& host, int cause) {
  const Piece* pieces = job.pieces.data() + step.firstPiece;
  switch (step.op) {
    case Op::WritePages:
      sealPieces(step, pieces);
      return written(writePieces(pieces, step.pieceCount, host.descriptor));
    case Op::Write:
      return written(writePieces(pieces, step.pieceCount, host.descriptor));
    case Op::Zero:
      return written(writeZeros(host.descriptor, step.fileOffset, step.length));
    case Op::Punch:
      // Whatever it could not do, it touched nothing that is in use.
      return {punchHole(host.descriptor, step.fileOffset, step.length), true};
    case Op::Load:
      return {host.mapping->load(step.fileOffset, step.length), true};
    case Op::Flush:
      // A full disk that a flush meets is no abort: what was written may be lost.
      return {host.mapping ? host.mapping->flush(host.descriptor) : flushFile(host.descriptor)};
    case Op::Store:
      __atomic_store_n(step.word, step.value, __ATOMIC_SEQ_CST);
      return {};
    case Op::StoreErrno:
      __atomic_store_n(step.word, cause, __ATOMIC_SEQ_CST);
      return {};
    case Op::Wake:
      wake(step);
      return {};
    case Op::Notify:
      if (host.notify) host.notify();
      return {};
    case Op::Release:
      host.writerLock->release();
      return {};
    case Op::Guard:
      if (__atomic_load_n(step.word, __ATOMIC_SEQ_CST) == step.value) return {};
      return {{ECANCELED, "guard"}, true};
  }
  return {};
}

// `cause` is the errno of the failure that led to the section, 0 in the main one.
Outcome runSection(const std::vector<Step>& section, const Job& job, const JobHost& host,
                   int cause) {
  for (const Step& step : section) {
    Outcome outcome = runStep(step, job, host, cause);
    if (outcome.failure) return outcome;
  }
  return {};
}

}  // namespace

Failure runJob(const Job& job, const JobHost& host) {
  Outcome outcome = runSection(job.main, job, host, 0);
  if (outcome.failure && outcome.abort) {
    // A GUARD that stops ON_ABORT only ends it. A failure there leaves the abort undone: poison.
    const Outcome second = runSection(job.onAbort, job, host, outcome.failure.code);
    if (second.failure && second.failure.code != ECANCELED) outcome = {second.failure, false};
  }
  if (outcome.failure && !outcome.abort) {
    runSection(job.onPoison, job, host, outcome.failure.code);
  }
  runSection(job.finally, job, host, outcome.failure.code);
  return outcome.failure;
}

}  // namespace coppice
