#include "suites/subjects/engine_subject.h"

#include "engine/base/error.h"
#include "harness/measure/environment.h"

namespace bh::suites {

using namespace bh::engine;

EngineSubject::EngineSubject(const harness::SubjectSettings& settings)
    : model_(load_model(settings.model, {.pre_tokenizer = settings.pre_tokenizer, .check_codes = false})),
      backend_(
          find_device(settings.device)
              .load(model_, {.threads = settings.threads, .kernel = settings.kernel, .max_rows = settings.n_ubatch})),
      session_(*backend_, settings.n_ctx, settings.numerics) {}

harness::SubjectInfo EngineSubject::describe() const {
  harness::SubjectInfo info;
  info.name = "engine";
  info.version = harness::version();
  info.backend = backend_->describe();
  info.numerics = to_string(session_.numerics());
  info.model_path = model_->source.path;
  info.n_vocab = model_->config.n_vocab;
  info.n_ctx = session_.n_ctx();
  info.facts["greedy_step_bytes"] = std::to_string(backend_->greedy_step_bytes());
  info.facts["cache_bytes_per_position"] = std::to_string(session_.kv_bytes_per_position());
  for (KernelCount& kernel : backend_->kernel_counts()) {
    if (kernel.count > 0) info.kernels.push_back(std::move(kernel));
  }
  return info;
}

std::vector<TokenId> EngineSubject::tokenize(std::string_view text, const EncodeOptions& options) {
  return model_->tokenizer.encode(text, options);
}

std::string EngineSubject::detokenize(std::span<const TokenId> ids) { return model_->tokenizer.decode(ids); }

std::vector<float> EngineSubject::logits(std::span<const TokenId> ids) {
  start_over();
  return session_.eval_all(ids);
}

Generation EngineSubject::generate(std::span<const TokenId> prompt, const GenerateOptions& options) {
  start_over();
  return engine::generate(session_, prompt, options);
}

void EngineSubject::trace(std::span<const TokenId> ids, const Tap& tap) {
  start_over();
  backend_->set_tap(tap);
  try {
    session_.eval_all(ids);
  } catch (...) {
    backend_->set_tap({});
    throw;
  }
  backend_->set_tap({});
}

harness::Timing EngineSubject::time(const harness::TimingRequest& request) {
  if (request.prompt.empty()) fail(ErrorKind::usage, "there is no prompt to time");
  const Clock clock = steady_clock();
  harness::Timing timing;
  const auto length = static_cast<std::int32_t>(request.prompt.size());
  // The last prompt token is evaluated again: its logits are where decoding starts.
  const bool reused = request.reuse_prompt && timed_prompt_ == request.prompt;
  timed_prompt_.clear();
  session_.rewind(reused ? length - 1 : 0);
  std::int64_t before = clock();
  auto best = session_.eval_best(std::span(request.prompt).subspan(static_cast<std::size_t>(session_.n_past())), 1);
  if (!reused) timing.prefill_ns = clock() - before;
  for (std::int32_t i = 0; i < request.decode_tokens; ++i) {
    if (best.empty()) fail(ErrorKind::setup, "every logit is NaN; the model's weights are damaged (try inspect)");
    timing.ids.push_back(best.front().id);
    if (i + 1 == request.decode_tokens) break;
    before = clock();
    best = session_.eval_best(std::span(&timing.ids.back(), 1), 1);
    timing.step_ns.push_back(clock() - before);
    timing.decode_ns += timing.step_ns.back();
  }
  timed_prompt_ = request.prompt;
  return timing;
}

void EngineSubject::start_over() {
  timed_prompt_.clear();
  session_.rewind(0);
}

std::unique_ptr<harness::Subject> open_engine_subject(const harness::SubjectSettings& settings) {
  return std::make_unique<EngineSubject>(settings);
}

}  // namespace bh::suites
