// Which models may stand as the float baseline of perplexity: those whose projections hold ternary values.
#pragma once

#include <cstdint>
#include <string>

#include "engine/model/model.h"

namespace bh::suites::acceptance {

/// Empty where every projection is ternary or holds floats of {-s, 0, +s} only, else why the model is no baseline: the
/// float master of quantization-aware training, run as it is, computes something it was never trained for.
std::string why_no_baseline(const engine::Model& model);

/// Projections in a ternary format: only they quantize activations.
std::int64_t ternary_matrices(const engine::Model& model);

/// Bytes of those as float32.
double float_copy_bytes(const engine::Model& model);

}  // namespace bh::suites::acceptance
