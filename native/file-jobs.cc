// The jobs of a NativeFile.
#include <utility>

#include "arguments.h"
#include "errors.h"
#include "file.h"

namespace coppice {

namespace {

// The JavaScript values of one job, kept until its end.
struct Kept {
  std::shared_ptr<Channel> channel;
  KeptValue done;
  KeptValue written;
  KeptValue buffers;
  KeptValue words;
};

class WrittenCompletion : public Completion {
 public:
  explicit WrittenCompletion(std::shared_ptr<Kept> kept) : kept_(std::move(kept)) {}
  void deliver(napi_env env) override { callBack(env, kept_->written, nullptr); }

 private:
  std::shared_ptr<Kept> kept_;
};

// The last of a job: nothing of it is delivered after.
class DoneCompletion : public Completion {
 public:
  DoneCompletion(std::shared_ptr<Kept> kept, Failure failure)
      : kept_(std::move(kept)), failure_(failure) {}

  void deliver(napi_env env) override {
    napi_value argument = nullptr;
    napi_get_null(env, &argument);
    if (failure_) argument = nativeError(env, failure_);
    kept_->channel->letGo(env);
    kept_->written.drop(env);
    kept_->buffers.drop(env);
    kept_->words.drop(env);
    callBack(env, kept_->done, argument);
    kept_->done.drop(env);
  }

 private:
  std::shared_ptr<Kept> kept_;
  Failure failure_;
};

bool readSteps(napi_env env, napi_value value, const char* name, const double** steps,
               size_t* length) {
  bool is = false;
  napi_typedarray_type type = napi_int8_array;
  void* data = nullptr;
  if (value != nullptr) napi_is_typedarray(env, value, &is);
  if (is) napi_get_typedarray_info(env, value, &type, length, &data, nullptr, nullptr);
  if (!is || type != napi_float64_array) {
    throwType(env, std::string(name) + " must be a Float64Array");
    return false;
  }
  *steps = static_cast<const double*>(data);
  return true;
}

bool readBuffers(napi_env env, napi_value value, std::vector<Bytes>* buffers) {
  bool is = false;
  uint32_t count = 0;
  if (value != nullptr) napi_is_array(env, value, &is);
  if (!is) {
    throwType(env, "buffers must be an array of Uint8Arrays");
    return false;
  }
  napi_get_array_length(env, value, &count);
  for (uint32_t i = 0; i < count; i++) {
    Napi::HandleScope scope(env);
    napi_value element = nullptr;
    Bytes bytes;
    if (napi_get_element(env, value, i, &element) != napi_ok) return false;
    if (!readBytes(env, element, "each of the buffers", &bytes)) return false;
    buffers->push_back(bytes);
  }
  return true;
}

// A copy, since the caller may change its array while the job runs: each buffer must stay.
napi_value copyOf(napi_env env, napi_value array) {
  uint32_t count = 0;
  napi_value copy = nullptr;
  napi_get_array_length(env, array, &count);
  napi_create_array_with_length(env, count, &copy);
  for (uint32_t i = 0; i < count; i++) {
    Napi::HandleScope scope(env);
    napi_value element = nullptr;
    napi_get_element(env, array, i, &element);
    napi_set_element(env, copy, i, element);
  }
  return copy;
}

}  // namespace

bool NativeFile::readJob(const Info& info, Job* job, JobHost* host) {
  Napi::Env env = info.Env();
  const double* steps = nullptr;
  size_t length = 0;
  std::vector<Bytes> buffers;
  Words words;
  std::string why;
  if (!usable(env) || !readSteps(env, info[0], "steps", &steps, &length)) return false;
  if (!readBuffers(env, info[1], &buffers)) return false;
  if (!isNullish(env, info[2]) && !readWords(env, info[2], "words", &words)) return false;
  if (!parseJob(steps, length, buffers, words, job, &why)) {
    throwRange(env, why);
    return false;
  }
  host->descriptor = number();
  host->mapping = mapping_;
  host->writerLock = writerLock_;
  host->wordsOwner = environment_->memoryAt(words.data);
  return true;
}

Napi::Value NativeFile::run(const Info& info) {
  Napi::Env env = info.Env();
  Job job;
  JobHost host;
  if (!readJob(info, &job, &host) || !readFunction(env, info[3], "done")) return Value();
  const bool listens = !isNullish(env, info[4]);
  if (listens && !readFunction(env, info[4], "written")) return Value();
  auto kept = std::make_shared<Kept>();
  kept->channel = environment_->channel(env);
  if (kept->channel == nullptr) return Value();
  kept->done.set(env, info[3]);
  kept->buffers.set(env, copyOf(env, info[1]));
  if (!isNullish(env, info[2])) kept->words.set(env, info[2]);
  if (listens) {
    kept->written.set(env, info[4]);
    host.notify = [kept] { kept->channel->post(std::make_unique<WrittenCompletion>(kept)); };
  }
  kept->channel->hold(env);
  const Failure failure =
      commits_.submit(std::move(job), std::move(host), [kept](Failure outcome) {
        kept->channel->post(std::make_unique<DoneCompletion>(kept, outcome));
      });
  if (!failure) return Value();
  kept->channel->letGo(env);
  for (KeptValue* value : {&kept->done, &kept->written, &kept->buffers, &kept->words}) {
    value->drop(env);
  }
  return report(env, failure);
}

Napi::Value NativeFile::load(const Info& info) {
  Napi::Env env = info.Env();
  const double* ranges = nullptr;
  size_t length = 0;
  if (!mapped(env) || !readSteps(env, info[0], "ranges", &ranges, &length)) return Value();
  if (!readFunction(env, info[1], "done")) return Value();
  Job job;
  for (size_t i = 0; i + 1 < length; i += 2) {
    const bool inside = ranges[i] >= 0 && ranges[i] <= kMaxSafe && ranges[i + 1] >= 0 &&
                        ranges[i + 1] <= kMaxSafe;
    if (!inside) {
      throwRange(env, "ranges must be file offsets and lengths, each from 0 on");
      return Value();
    }
    Step step;
    step.op = Op::Load;
    step.fileOffset = static_cast<uint64_t>(ranges[i]);
    step.length = static_cast<uint64_t>(ranges[i + 1]);
    job.main.push_back(step);
  }
  auto kept = std::make_shared<Kept>();
  kept->channel = environment_->channel(env);
  if (kept->channel == nullptr) return Value();
  kept->done.set(env, info[1]);
  kept->channel->hold(env);
  JobHost host;
  host.mapping = mapping_;
  const Failure failure =
      loads_.submit(std::move(job), std::move(host), [kept](Failure outcome) {
        kept->channel->post(std::make_unique<DoneCompletion>(kept, outcome));
      });
  if (!failure) return Value();
  kept->channel->letGo(env);
  kept->done.drop(env);
  return report(env, failure);
}

Napi::Value NativeFile::runSync(const Info& info) {
  Job job;
  JobHost host;
  if (!readJob(info, &job, &host)) return Value();
  commits_.drain();
  return report(info.Env(), runJob(job, host));
}

Napi::Value NativeFile::pending(const Info& info) {
  const bool open = descriptor_ != nullptr && !forkedChild();
  return Napi::Number::New(info.Env(), open ? static_cast<double>(commits_.pending()) : 0.0);
}

}  // namespace coppice
