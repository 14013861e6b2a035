// Choosing the next token: llama.cpp's chain, order and defaults. Seeded and reproducible on every platform: the
// random numbers and the draw are our own, not the standard library's distributions.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "engine/model/candidate.h"

namespace bh::engine {

struct SamplingOptions {
  float temperature = 0.8f;  ///< <= 0 is greedy
  std::int32_t top_k = 40;   ///< <= 0 is the whole vocabulary
  float top_p = 0.95f;       ///< 1 is off
  float min_p = 0.05f;       ///< 0 is off
  float repeat_penalty = 1.0f;
  std::int32_t repeat_last_n = 64;  ///< tokens looked back on by the penalties; 0 = none, -1 = all
  float frequency_penalty = 0.0f;
  float presence_penalty = 0.0f;
  std::uint64_t seed = 0;
};

/// Throws Error(usage) naming the option that is out of range.
void validate(const SamplingOptions& options);

/// The chain: penalties -> top_k -> top_p -> min_p -> temperature -> softmax -> draw. Greedy skips all but the
/// penalties.
class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options);
  /// How many of the best logits decide, whatever the others are; 0 = all of them may.
  std::int32_t deciding() const noexcept;
  /// Picks a token and remembers it for the penalties. Equal logits: the lowest id first.
  TokenId sample(std::span<const float> logits);
  /// The same from the deciding() best in rank order. Throws Error(setup) where there are none: every logit is NaN.
  TokenId sample(std::span<const Candidate> best);
  /// Remembers a token that was not sampled (the prompt).
  void accept(TokenId token);

 private:
  bool penalises() const noexcept;
  std::vector<float> penalised(std::span<const float> logits) const;
  TokenId draw(std::span<const Candidate> best);

  SamplingOptions options_;
  std::mt19937_64 random_;
  std::vector<TokenId> history_;
};

/// First maximum: the lowest id wins ties. NaN never wins.
TokenId argmax(std::span<const float> logits) noexcept;

}  // namespace bh::engine
