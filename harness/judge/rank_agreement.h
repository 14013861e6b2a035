// How alike two sets of logits rank the likely tokens, and how likely both find a text: Kendall's tau-b and mean
// negative log-likelihood. Values that are not finite are reported, never sorted away.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/model/tokenizer.h"

namespace bh::harness {

/// Kendall's tau-b over all pairs; two values no farther apart than `tie_epsilon` are tied. nullopt where it is not
/// defined: fewer than two values, one side all ties, or a value that is not finite. (M. G. Kendall, The treatment of
/// ties in ranking problems, Biometrika 33, 1945.)
std::optional<double> kendall_tau_b(std::span<const double> a, std::span<const double> b, double tie_epsilon);

struct RankSettings {
  std::int64_t top = 100;  ///< of each side; compared are the ids in both lists
  double tie_epsilon = 1e-6;
  std::vector<engine::TokenId> masked;  ///< never counted: PAD
};

struct RankAgreement {
  std::vector<std::optional<double>> steps;  ///< tau-b of each; nullopt = the step says nothing
  std::vector<std::int64_t> common;          ///< ids in both lists
  std::int64_t informative = 0;              ///< steps with a tau-b
  std::optional<double> median;              ///< over these
  bool finite = true;                        ///< no logit of either side was NaN or infinite
};

/// Both [steps, n_vocab], else Error(internal).
RankAgreement rank_agreement(std::span<const float> a, std::span<const float> b, std::int64_t n_vocab,
                             const RankSettings& settings = {});

/// The ids of the `count` largest logits, largest first, the lower id first among equals.
std::vector<engine::TokenId> top_ids(std::span<const float> logits, std::int64_t count,
                                     std::span<const engine::TokenId> masked);

struct MeanNll {
  double value = 0;  ///< nats per token; NaN where a logit is NaN
  std::int64_t scored = 0;
};

/// Of targets[i] under row i of logits [targets.size(), n_vocab]; masked targets are not scored.
MeanNll mean_nll(std::span<const float> logits, std::int64_t n_vocab, std::span<const engine::TokenId> targets,
                 std::span<const engine::TokenId> masked);

}  // namespace bh::harness
