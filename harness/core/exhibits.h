// Evidence with a shape that reports know how to show: a suite puts it into Result.details with add_exhibit(), the
// writers draw plots and tables of it. Missing numbers are nullopt, never NaN.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "harness/core/result.h"

namespace bh::harness {

/// Details["comparisons"]: a candidate beside something measured in the same run or stored before. A ratio above 1
/// means that the candidate is better, whatever the metric; formats and depths are compared the same way.
struct Comparison {
  std::string kind = {};       ///< "reference", "baseline", "format", "self" (the noise floor itself)
  std::string candidate = {};  ///< "engine"
  std::string against = {};    ///< "bitnet.cpp", "baselines/zen4-2c/perf.json", "f16"
  std::string metric = {};     ///< "decode_tokens_per_second"
  std::string unit = {};       ///< "tok/s"
  std::optional<double> candidate_value = {};
  std::optional<double> against_value = {};
  std::optional<double> ratio = {};  ///< the median of the pairs' ratios
  std::optional<double> low = {};    ///< its interval
  std::optional<double> high = {};
  std::optional<double> noise_low = {};  ///< interval of the reference against itself
  std::optional<double> noise_high = {};
  std::optional<double> margin = {};  ///< what is tolerated: 0.05
  std::vector<double> pairs = {};     ///< the ratio of each pair, in the order taken
  std::string conclusion = {};        ///< "pass", "fail", "inconclusive", "not gated"
};

/// Details["layers"]: how far one intermediate result is from the reference's, in the order computed.
struct LayerError {
  std::int64_t layer = -1;  ///< -1 = outside the layers: embedding, final norm, head
  std::string op = {};      ///< "attn_norm", "ffn_down"
  std::optional<double> error = {};
  std::optional<double> tolerance = {};
};

/// Details["divergences"]: where greedy text first differs from the reference's, and how close a call that was.
struct Divergence {
  std::string prompt = {};            ///< its name or first words
  std::int64_t position = 0;          ///< in generated tokens
  std::optional<double> margin = {};  ///< gap of the reference's two best logits, in standard deviations of its logits
  std::optional<double> near_tie = {};  ///< a gap up to here counts as a tie
  std::string ours = {};                ///< the tokens' texts
  std::string theirs = {};
};

void add_exhibit(Result& result, const Comparison& comparison);
void add_exhibit(Result& result, const LayerError& error);
void add_exhibit(Result& result, const Divergence& divergence);

/// What is there and readable; the rest of the details is left alone.
std::vector<Comparison> comparisons_of(const Result& result);
std::vector<LayerError> layer_errors_of(const Result& result);
std::vector<Divergence> divergences_of(const Result& result);

}  // namespace bh::harness
