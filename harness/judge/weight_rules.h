// Whether a model's weights look like weights: bands for the RMS of norms and projections per architecture, and what no
// trained tensor has (all zeros, values that are not finite, illegal codes). The bands are weight_rules.json.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/model/stats.h"

namespace bh::harness {

struct WeightBand {
  std::string tensors;  ///< pattern on the tensor's name; the first that matches counts
  double rms_min = 0;
  double rms_max = 0;
};

struct WeightRules {
  std::string name;
  std::vector<std::string> architectures;
  std::vector<WeightBand> bands;
};

/// Reads a rules document; `what` names it in the Error(setup) thrown on anything it does not understand.
std::vector<WeightRules> parse_weight_rules(std::string_view text, std::string_view what);

/// The embedded rules for an architecture; the set "generic" where no other names it.
WeightRules weight_rules_for(std::string_view architecture);
/// The same from a file of the user's. Throws Error(setup).
WeightRules weight_rules_from(const std::string& path, std::string_view architecture);

/// Empty if the tensor is sound, else what is wrong with it, in one sentence without its name.
std::string find_fault(const WeightRules& rules, const engine::TensorStats& stats);

}  // namespace bh::harness
