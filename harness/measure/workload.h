// What the performance cases of every suite share: which tokens are fed, how many bytes a token has to read, and how
// fast decoding is against the memory it reads from.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/model/model.h"
#include "harness/core/clock.h"
#include "harness/measure/bandwidth.h"

namespace bh::harness {

/// Empty where speed and memory measured in this build mean something, else why they do not.
std::string why_not_measured();

/// `count` ids spread over the vocabulary, always the same.
std::vector<engine::TokenId> some_tokens(std::int32_t n_vocab, std::int64_t count);

/// Bytes of weights that one token has to read: every matrix and norm of every layer, the output matrix, and its own
/// row of the embedding.
double weight_bytes_per_token(const engine::Model& model);
/// Keys and values of `n_past` positions, f16.
double cache_bytes_per_token(const engine::Config& config, double n_past);

/// Decoding and reading memory by turns, so that both see the same neighbours.
struct RoofSamples {
  std::vector<double> tokens_per_second;
  std::vector<double> read_bytes_per_second;  ///< two a round, right before the sample and right after it
  std::vector<double> fractions;              ///< tokens/s x bytes per token / the mean of the round's two reads
};

/// Rounds until `enough`, which is asked after each. `decode` returns tokens per second of one sample. Each read takes
/// half as long as the sample did, and `min_ns` at least: a short one tells little of what neighbours did meanwhile.
RoofSamples sample_against_roof(const std::function<double()>& decode, double bytes_per_token, BandwidthProbe& probe,
                                std::int64_t min_ns, const Clock& clock,
                                const std::function<bool(const RoofSamples& so_far)>& enough);

}  // namespace bh::harness
