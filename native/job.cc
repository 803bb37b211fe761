#include "job.h"

#include <sys/uio.h>

#include <algorithm>

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

// So much is sealed and written at once, a multiple of every page size: what was sealed is in the
// processor's cache still. After each such part the disk may begin.
constexpr size_t kPartBytes = 1 << 19;

void sealPart(const Step& step, const Piece& part) {
  uint64_t page = part.fileOffset / step.pageBytes;
  for (size_t at = 0; at < part.length; at += step.pageBytes) {
    sealPage(part.data + at, step.pageBytes, step.secret, page++);
  }
}

// Writes pieces, those that follow each other in the file at once.
class PieceWriter {
 public:
  PieceWriter(const Step& step, const JobHost& host, bool willFlush)
      : step_(step), host_(host), willFlush_(willFlush) {}

  Failure write(Piece piece) {
    while (piece.length > 0) {
      if (chainBytes_ == kPartBytes || piece.fileOffset != end_) {
        if (Failure failure = finish()) return failure;
        end_ = piece.fileOffset;
      }
      Piece part = piece;
      part.length = std::min(piece.length, kPartBytes - chainBytes_);
      if (step_.op == Op::WritePages) sealPart(step_, part);
      chain_.push_back({part.data, part.length});
      chainBytes_ += part.length;
      end_ += part.length;
      piece.data += part.length;
      piece.length -= part.length;
      piece.fileOffset += part.length;
    }
    return {};
  }

  // Writes what is left.
  Failure finish() {
    if (chain_.empty()) return {};
    const uint64_t offset = end_ - chainBytes_;
    if (Failure failure = writeFully(host_.descriptor, chain_.data(), chain_.size(), offset)) {
      return failure;
    }
    unstarted_ += chainBytes_;
    chain_.clear();
    chainBytes_ = 0;
    if (willFlush_ && unstarted_ >= kPartBytes) {
      startWriteback(host_.descriptor);
      unstarted_ = 0;
    }
    return {};
  }

 private:
  const Step& step_;
  const JobHost& host_;
  const bool willFlush_;
  std::vector<struct iovec> chain_;
  size_t chainBytes_ = 0;
  uint64_t end_ = 0;  // of the chain, in the file
  uint64_t unstarted_ = 0;
};

Failure writePieces(const Step& step, const Job& job, const JobHost& host) {
  PieceWriter writer(step, host, job.flushes);
  const Piece* pieces = job.pieces.data() + step.firstPiece;
  for (size_t i = 0; i < step.pieceCount; i++) {
    if (Failure failure = writer.write(pieces[i])) return failure;
  }
  return writer.finish();
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
  switch (step.op) {
    case Op::WritePages:
    case Op::Write:
      return written(writePieces(step, job, host));
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
