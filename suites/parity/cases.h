// The checks of the parity suite. What their metrics have to be stands in criteria.json.
#pragma once

#include <string>

#include "harness/core/result.h"
#include "harness/judge/criteria.h"
#include "suites/parity/pair.h"

namespace bh::suites::parity {

// Exact tier: exact.cpp. `tensor` is a GGUF name, "blk.3.ffn_down.weight".
harness::Result check_metadata(Pair& pair);
harness::Result check_vocabulary(Pair& pair);
harness::Result check_token_ids(Pair& pair);
harness::Result check_codes(Pair& pair, const std::string& tensor);
harness::Result check_scale(Pair& pair, const std::string& tensor);
harness::Result check_norm(Pair& pair, const std::string& tensor);
harness::Result check_embeddings(Pair& pair, const std::string& tensor);

/// Parameters "numeric" of criteria.json.
struct NumericSettings {
  std::int64_t steps = 20;
  std::int64_t top = 100;
  double tie_epsilon = 1e-6;
  double near_tie_std = 0.05;
};

// Numeric tier: numeric.cpp.
harness::Result check_same_precision(Pair& pair, const std::string& prompt, const NumericSettings& settings);
/// GGUF as it is against the folder's weights with float activations, or, where one side holds floats, the two as they
/// are.
harness::Result check_quantized(Pair& pair, const std::string& prompt, const NumericSettings& settings);

}  // namespace bh::suites::parity
