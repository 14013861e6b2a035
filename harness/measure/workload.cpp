#include "harness/measure/workload.h"

#include <algorithm>

namespace bh::harness {

std::string why_not_measured() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return "a build with sanitizers is not measured";
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return "a build with sanitizers is not measured";
#endif
#endif
  return {};
}

std::vector<engine::TokenId> some_tokens(std::int32_t n_vocab, std::int64_t count) {
  std::vector<engine::TokenId> ids;
  for (std::int64_t i = 0; i < count; ++i) ids.push_back(static_cast<engine::TokenId>((1 + i * 7919) % n_vocab));
  return ids;
}

double weight_bytes_per_token(const engine::Model& model) {
  auto bytes = static_cast<double>(model.output.bytes.size());
  for (const engine::Matrix* matrix : model.matrices()) {
    if (matrix->name != model.token_embd.name && matrix->name != model.output.name) {
      bytes += static_cast<double>(matrix->bytes.size());
    }
  }
  bytes += static_cast<double>(model.token_embd.bytes.size()) / static_cast<double>(model.token_embd.rows);
  std::size_t norms = model.output_norm.size();
  for (const engine::Layer& layer : model.layers) {
    norms += layer.attn_norm.size() + layer.attn_sub_norm.size() + layer.ffn_norm.size() + layer.ffn_sub_norm.size();
  }
  return bytes + static_cast<double>(norms * sizeof(float));
}

double cache_bytes_per_token(const engine::Config& config, double n_past) {
  return 4.0 * config.n_layer * config.kv_dim() * n_past;
}

RoofSamples sample_against_roof(const std::function<double()>& decode, double bytes_per_token, BandwidthProbe& probe,
                                std::int64_t min_ns, const Clock& clock,
                                const std::function<bool(const RoofSamples& so_far)>& enough) {
  RoofSamples samples;
  std::int64_t read_ns = min_ns;
  do {
    const double before = probe.sample(read_ns, clock);
    const std::int64_t start = clock.steady_ns();
    const double speed = decode();
    read_ns = std::max(min_ns, (clock.steady_ns() - start) / 2);
    const double after = probe.sample(read_ns, clock);
    samples.tokens_per_second.push_back(speed);
    samples.read_bytes_per_second.insert(samples.read_bytes_per_second.end(), {before, after});
    samples.fractions.push_back(speed * bytes_per_token / (0.5 * (before + after)));
  } while (!enough(samples));
  return samples;
}

}  // namespace bh::harness
