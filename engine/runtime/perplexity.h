// Perplexity of a text by the protocol of llama.cpp's llama-perplexity: disjoint chunks of n_ctx tokens, each with BOS
// in the place of its first token, the second half of each scored.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/backend.h"

namespace bh::engine {

struct PerplexityOptions {
  std::int32_t n_ctx = 512;
  std::int32_t max_chunks = -1;  ///< -1 = as many as there are
  std::int32_t n_batch = 0;      ///< rows per step at most; 0 = as many as the backend takes
};

struct PerplexityResult {
  std::int32_t n_ctx = 0;
  std::int64_t n_tokens = 0;               ///< of the text
  std::int64_t n_scored = 0;               ///< positions
  std::vector<double> chunk_nll;           ///< summed over each chunk's scored positions
  double ln_ppl = 0, ppl = 0;              ///< mean negative log-likelihood, and its exponential
  double ln_ppl_error = 0, ppl_error = 0;  ///< standard errors

  std::int64_t scored_per_chunk() const noexcept { return n_ctx - n_ctx / 2 - 1; }
};

/// Called after each chunk with the result so far; returning false ends the run there.
using OnChunk = std::function<bool(const PerplexityResult& so_far, std::int64_t chunks)>;

/// `tokens` are the text's, with BOS in front where the vocabulary asks for it.
/// In reference_batch no step has a single row, which the reference would compute by other rules.
/// Throws Error(usage) on fewer than 2 * n_ctx tokens, saying how many there are, and on options out of range;
/// Error(setup) where logits are not finite, and where the perplexity is beyond e^700.
PerplexityResult perplexity(Backend& backend, Numerics numerics, std::span<const TokenId> tokens,
                            const PerplexityOptions& options = {}, const OnChunk& on_chunk = {});

/// -ln softmax(logits)[token], summed in double; NaN where a logit is NaN or plus infinity.
double negative_log_likelihood(std::span<const float> logits, TokenId token) noexcept;

}  // namespace bh::engine
