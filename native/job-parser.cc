#include <cmath>
#include <utility>

#include "fault-guard.h"
#include "job.h"

namespace coppice {

namespace {

constexpr int kOnAbort = 16;
constexpr int kOnPoison = 17;
constexpr int kFinally = 18;
constexpr double kWord = 4294967295.0;
constexpr double kMinInt32 = -2147483648.0;
// The checksum, and a multiple of it so that every page starts aligned.
constexpr uint64_t kPageUnit = 8;

class Parser {
 public:
  Parser(const double* steps, size_t length, const std::vector<Bytes>& buffers, Words words,
         Job* job)
      : steps_(steps), length_(length), buffers_(buffers), words_(words), job_(job) {}

  bool parse() {
    std::vector<Step>* section = &job_->main;
    while (at_ < length_) {
      uint64_t op = 0;
      if (!take("an operation", 1, kFinally, &op)) return false;
      if (op >= kOnAbort) {
        section = open(static_cast<int>(op));
        if (section == nullptr) return false;
        continue;
      }
      Step step;
      step.op = static_cast<Op>(op);
      if (!parseStep(&step)) return false;
      section->push_back(step);
    }
    return true;
  }

  std::string why() && { return std::move(why_); }

 private:
  bool fail(const std::string& what) {
    why_ = "steps[" + std::to_string(at_) + "]: " + what;
    return false;
  }

  bool take(const char* name, double min, double max, uint64_t* out) {
    if (at_ >= length_) return fail(std::string("the end, where ") + name + " was to come");
    const double number = steps_[at_];
    if (!(number >= min && number <= max) || number != std::floor(number)) {
      return fail(std::to_string(number) + " as " + name + " is not an integer from " +
                  std::to_string(min) + " to " + std::to_string(max));
    }
    *out = static_cast<uint64_t>(static_cast<int64_t>(number));
    at_++;
    return true;
  }

  std::vector<Step>* open(int op) {
    const int index = op - kOnAbort;
    if (index > kFinally - kOnAbort || opened_[index]) {
      fail(index > kFinally - kOnAbort ? "no such section" : "the same section again");
      return nullptr;
    }
    opened_[index] = true;
    if (op == kOnAbort) return &job_->onAbort;
    return op == kOnPoison ? &job_->onPoison : &job_->finally;
  }

  bool parseStep(Step* step) {
    switch (step->op) {
      case Op::WritePages:
        return parsePages(step);
      case Op::Write:
        return parsePieces(step);
      case Op::Zero:
      case Op::Punch:
        return take("a file offset", 0, kMaxSafe, &step->fileOffset) &&
               take("a length", 0, kMaxSafe, &step->length);
      case Op::Store:
      case Op::Guard:
        return parseWord(&step->word) && parseValue(step);
      case Op::StoreErrno:
        return parseWord(&step->word);
      case Op::Wake:
        return parseWord(&step->word) && parseWord(&step->waits) && parseWord(&step->woken);
      case Op::Load:
        break;
      case Op::Flush:
        job_->flushes = true;
        return true;
      case Op::Notify:
      case Op::Release:
        return true;
    }
    at_--;
    return fail("no such operation");
  }

  bool parseWord(int32_t** out) {
    uint64_t word = 0;
    const double last = static_cast<double>(words_.length) - 1;
    if (!take("a word", 0, last, &word)) return false;
    *out = words_.data + word;
    return true;
  }

  bool parseValue(Step* step) {
    uint64_t value = 0;
    // An unsigned word is taken for the signed one with the same bits.
    if (!take("a value", kMinInt32, kWord, &value)) return false;
    step->value = static_cast<int32_t>(static_cast<uint32_t>(value));
    return true;
  }

  bool parsePages(Step* step) {
    uint64_t pageBytes = 0;
    uint64_t low = 0;
    uint64_t high = 0;
    if (!take("the bytes of a page", kPageUnit, kWord, &pageBytes)) return false;
    if (pageBytes % kPageUnit != 0) return fail("a page is a multiple of 8 bytes");
    if (!take("the low half of the secret", 0, kWord, &low)) return false;
    if (!take("the high half of the secret", 0, kWord, &high)) return false;
    step->pageBytes = static_cast<size_t>(pageBytes);
    step->secret = high << 32 | low;
    return parsePieces(step);
  }

  bool parsePieces(Step* step) {
    uint64_t count = 0;
    if (!take("a count of pieces", 0, static_cast<double>((length_ - at_) / 4), &count)) {
      return false;
    }
    step->firstPiece = job_->pieces.size();
    step->pieceCount = static_cast<size_t>(count);
    for (uint64_t i = 0; i < count; i++) {
      if (!parsePiece(*step)) return false;
    }
    return true;
  }

  bool parsePiece(const Step& step) {
    uint64_t index = 0;
    uint64_t start = 0;
    uint64_t length = 0;
    Piece piece;
    if (!take("a buffer", 0, static_cast<double>(buffers_.size()) - 1, &index)) return false;
    const Bytes& buffer = buffers_[static_cast<size_t>(index)];
    if (!take("a start", 0, static_cast<double>(buffer.length), &start)) return false;
    if (!take("a length", 0, static_cast<double>(buffer.length - start), &length)) return false;
    if (!take("a file offset", 0, kMaxSafe, &piece.fileOffset)) return false;
    if (step.op == Op::WritePages) {
      if (length % step.pageBytes != 0) return fail("the length before is not one of whole pages");
      if (piece.fileOffset % step.pageBytes != 0) return fail("no page starts at that file offset");
      if (FaultGuard::covers(buffer.data)) {
        return fail("the buffer lies in a mapping, where no checksum can be set");
      }
    }
    piece.data = buffer.data + start;
    piece.length = static_cast<size_t>(length);
    job_->pieces.push_back(piece);
    return true;
  }

  const double* steps_;
  size_t length_;
  const std::vector<Bytes>& buffers_;
  Words words_;
  Job* job_;
  size_t at_ = 0;
  bool opened_[kFinally - kOnAbort + 1] = {};
  std::string why_;
};

}  // namespace

bool parseJob(const double* steps, size_t length, const std::vector<Bytes>& buffers, Words words,
              Job* job, std::string* why) {
  Parser parser(steps, length, buffers, words, job);
  if (parser.parse()) return true;
  *why = std::move(parser).why();
  return false;
}

}  // namespace coppice
