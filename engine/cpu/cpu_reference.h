// The rounding points of bitnet.cpp's CPU path (its ggml, x86, no flash attention), for comparison only.
// Sources: ggml.c rms_norm, soft_max and mul_mat, sgemm.cpp of llamafile; checked against recorded outputs.
#pragma once

#include <cstdint>

namespace bh::engine {

/// Squares summed in double in index order; two float roundings for scale and weight.
void reference_rms_norm(const float* x, const float* weight, std::int64_t n, float eps, float* y) noexcept;

/// x = float(half(x)): what the reference does before multiplying a single row by f16 weights.
void round_row_to_half(float* x, std::int64_t n) noexcept;

/// scores -> probabilities over n values: e^x in float, sums of 16 in float, their sum in double, times (float)(1 /
/// sum).
void reference_softmax(float* scores, std::int64_t n, float scale) noexcept;

}  // namespace bh::engine
