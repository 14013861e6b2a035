#include "suites/subjects/engine_subject.h"

#include "harness/measure/environment.h"

namespace bh::suites {

using namespace bh::engine;

EngineSubject::EngineSubject(const harness::SubjectSettings& settings)
    : model_(load_model(settings.model, {.pre_tokenizer = settings.pre_tokenizer, .check_values = false})),
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
  session_.rewind(0);
  return session_.eval_all(ids);
}

Generation EngineSubject::generate(std::span<const TokenId> prompt, const GenerateOptions& options) {
  session_.rewind(0);
  return engine::generate(session_, prompt, options);
}

std::unique_ptr<harness::Subject> open_engine_subject(const harness::SubjectSettings& settings) {
  return std::make_unique<EngineSubject>(settings);
}

}  // namespace bh::suites
