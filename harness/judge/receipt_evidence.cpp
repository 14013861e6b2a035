#include "harness/judge/receipt_evidence.h"

#include <algorithm>
#include <bit>

#include "engine/base/error.h"
#include "engine/runtime/sampler.h"
#include "harness/io/model_locator.h"
#include "harness/io/sha256.h"
#include "harness/measure/memory.h"

namespace bh::harness {

namespace {

json::value model_info(const EvidenceFacts& facts) {
  if (facts.model == nullptr) return nullptr;
  const engine::Model& model = *facts.model;
  return json::object{{"model_path", model.source.path.string()},
                      {"quantization_type", model.layers.front().q.format->name},
                      {"layers", model.config.n_layer},
                      {"hidden_size", model.config.n_embd},
                      {"num_attention_heads", model.config.n_head},
                      {"num_key_value_heads", model.config.n_head_kv},
                      {"vocab_size", model.config.n_vocab},
                      {"sha256", facts.model_sha256}};
}

json::value or_null(const std::optional<double>& value) { return value ? json::value(*value) : json::value(nullptr); }

json::object performance(const TimedRun& run, const EvidenceFacts& facts) {
  const auto ms = [](double ns) { return ns * 1e-6; };
  const auto prefill = static_cast<double>(run.prefill_ns), decode = static_cast<double>(run.decode_ns);
  const std::size_t steps = run.generated.empty() ? 0 : run.generated.size() - 1;
  std::optional<double> speed, latency, fraction;
  if (steps > 0 && decode > 0) {
    speed = static_cast<double>(steps) * 1e9 / decode;
    latency = ms(decode / static_cast<double>(steps));
  }
  if (speed && facts.bytes_per_token && facts.read_bytes_per_second) {
    fraction = *speed * *facts.bytes_per_token / *facts.read_bytes_per_second;
  }
  return {{"tokens_generated", run.generated.size()},
          {"total_time_ms", ms(prefill + decode)},
          {"tokens_per_second", or_null(speed)},
          {"first_token_latency_ms", ms(prefill)},
          {"average_token_latency_ms", or_null(latency)},
          {"memory_usage_mb", static_cast<double>(read_memory().peak_bytes) * 1e-6},
          {"bytes_per_token", or_null(facts.bytes_per_token)},
          {"read_bytes_per_second", or_null(facts.read_bytes_per_second)},
          {"bandwidth_fraction", or_null(fraction)}};
}

std::string backend_summary(const EvidenceFacts& facts) {
  std::string detected;
  for (const engine::Device& device : engine::devices()) {
    if (device.why_unusable().empty()) detected += fmt::format("{}{}", detected.empty() ? "" : ", ", device.name);
  }
  return fmt::format("requested={} detected=[{}] selected={}", facts.requested_device, detected, facts.device);
}

/// The share of generated tokens that the logits of their position put first.
double agreement(const TimedRun& run, const std::vector<float>& logits, std::size_t n_vocab) {
  if (run.generated.empty() || run.prompt.empty()) return 0;
  std::size_t agree = 0;
  for (std::size_t i = 0; i < run.generated.size(); ++i) {
    const std::size_t position = run.prompt.size() - 1 + i;
    const auto row = std::span(logits).subspan(position * n_vocab, n_vocab);
    agree += engine::argmax(row) == run.generated[i] ? 1 : 0;
  }
  return static_cast<double>(agree) / static_cast<double>(run.generated.size());
}

}  // namespace

std::string hash_tokens(const std::vector<engine::TokenId>& ids) {
  static_assert(std::endian::native == std::endian::little, "the hash of tokens is defined over little-endian bytes");
  return sha256_hex(std::as_bytes(std::span(ids)));
}

std::vector<engine::TokenId> checked_positions(const std::vector<engine::TokenId>& prompt,
                                               const std::vector<engine::TokenId>& generated) {
  std::vector<engine::TokenId> ids = prompt;
  if (!generated.empty()) ids.insert(ids.end(), generated.begin(), generated.end() - 1);
  return ids;
}

std::uint64_t expected_products(std::uint64_t layers, std::uint64_t prompt_tokens, std::uint64_t generated_tokens) {
  if (layers == 0 || prompt_tokens == 0 || generated_tokens == 0) return 0;
  const std::uint64_t evaluated = prompt_tokens + generated_tokens - 1;
  return 3 * layers * evaluated + 4 * ((layers - 1) * evaluated + generated_tokens);
}

void add_choices(Result& result, const ReceiptEvidence& evidence) {
  add(result, "first_choice_share", evidence.agree_share);
  if (evidence.agree_share == 1) return;
  result.verdict = Verdict::failed;
  result.reason = "the tokens decoded one by one are not those that the logits of all positions at once put first";
}

ReceiptEvidence gather_evidence(Subject& subject, const TimedRun& run, const EvidenceFacts& facts) {
  const std::vector<float> logits = subject.logits(checked_positions(run.prompt, run.generated));
  const SubjectInfo info = subject.describe();
  ReceiptEvidence evidence;
  evidence.agree_share = agreement(run, logits, static_cast<std::size_t>(info.n_vocab));
  json::array kernels, prompt;
  json::object counts;
  for (const engine::KernelCount& kernel : run.kernels) {
    kernels.emplace_back(kernel.name);
    counts[kernel.name] = kernel.count;
  }
  for (const engine::TokenId id : run.prompt) prompt.push_back(id);
  evidence.note = {
      {"compute_path", info.mock ? "mock" : "real"},
      {"backend", info.mock ? std::string("mock") : facts.device},
      {"backend_summary", backend_summary(facts)},
      {"kernels", std::move(kernels)},
      {"kernel_counts", std::move(counts)},
      // Token by token and all at once are two ways to the same bits: both led to the same choices, or they did not.
      {"deterministic", evidence.agree_share == 1},
      {"binary_sha256", sha256_file(executable_path())},
      {"model_info", model_info(facts)},
      {"performance_baseline", performance(run, facts)},
      {"parity",
       {{"cpp_available", false}, {"cosine_similarity", nullptr}, {"exact_match_rate", nullptr}, {"status", "none"}}},
      {"corrections", json::array()},
      {"logits_hash", sha256_floats(logits)},
      {"tokens_hash", hash_tokens(run.generated)},
      {"replay",
       {{"numerics", info.numerics}, {"prompt_ids", std::move(prompt)}, {"generated_tokens", run.generated.size()}}}};
  return evidence;
}

}  // namespace bh::harness
