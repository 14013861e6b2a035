#include "suites/subjects/mock_subject.h"

#include "engine/base/error.h"
#include "harness/measure/environment.h"

namespace bh::suites {

using namespace bh::engine;

namespace {
constexpr std::int32_t kContext = 4096;
}  // namespace

MockSubject::MockSubject(const harness::SubjectSettings& settings)
    : n_ctx_(settings.n_ctx > 0 ? settings.n_ctx : kContext) {}

harness::SubjectInfo MockSubject::describe() const {
  harness::SubjectInfo info;
  info.name = "mock";
  info.mock = true;
  info.version = harness::version();
  info.backend = "mock";
  info.numerics = "none";
  info.n_vocab = kVocabulary;
  info.n_ctx = n_ctx_;
  if (rows_ > 0) info.kernels = {{"mock", rows_}};
  return info;
}

std::vector<TokenId> MockSubject::tokenize(std::string_view text, const EncodeOptions&) {
  std::vector<TokenId> ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

std::string MockSubject::detokenize(std::span<const TokenId> ids) {
  std::string text;
  for (const TokenId id : ids) {
    if (id < 0 || id >= kVocabulary) fail(ErrorKind::usage, "token {} is not in the mock's vocabulary", id);
    if (id != kEnd) text += static_cast<char>(id);
  }
  return text;
}

std::vector<float> MockSubject::logits(std::span<const TokenId> ids) {
  if (static_cast<std::int64_t>(ids.size()) > n_ctx_) {
    fail(ErrorKind::usage, "{} tokens do not fit the context of {}; raise it with -c", ids.size(), n_ctx_);
  }
  std::vector<float> all(ids.size() * kVocabulary, 0.0f);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    all[i * kVocabulary + static_cast<std::size_t>(ids[(i + 1) % ids.size()])] = 1.0f;
  }
  rows_ += ids.size();
  return all;
}

Generation MockSubject::generate(std::span<const TokenId> prompt, const GenerateOptions& options) {
  if (prompt.empty()) fail(ErrorKind::usage, "there is no prompt");
  const Clock clock = steady_clock();
  Generation result;
  const std::int64_t start = clock();
  logits(prompt);
  result.prefill_ns = clock() - start;
  std::size_t room = static_cast<std::size_t>(n_ctx_) - prompt.size();
  result.stop_reason = StopReason::context_full;
  if (options.max_tokens >= 0 && static_cast<std::size_t>(options.max_tokens) <= room) {
    room = static_cast<std::size_t>(options.max_tokens);
    result.stop_reason = StopReason::max_tokens;
  }
  for (std::size_t i = 0; i < room; ++i) {
    const std::int64_t before = clock();
    result.ids.push_back(prompt[i % prompt.size()]);
    ++rows_;
    if (i == 0) continue;
    result.step_ns.push_back(clock() - before);
    result.decode_ns += result.step_ns.back();
  }
  result.text = detokenize(result.ids);
  return result;
}

void MockSubject::trace(std::span<const TokenId> ids, const Tap& tap) { tap("logits", -1, logits(ids), kVocabulary); }

harness::Timing MockSubject::time(const harness::TimingRequest& request) {
  GenerateOptions options;
  options.max_tokens = request.decode_tokens;
  const Generation generation = generate(request.prompt, options);
  return {generation.ids, generation.prefill_ns, generation.decode_ns, generation.step_ns};
}

std::unique_ptr<harness::Subject> open_mock_subject(const harness::SubjectSettings& settings) {
  return std::make_unique<MockSubject>(settings);
}

}  // namespace bh::suites
