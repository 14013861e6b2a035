// The values of a model's matrices whatever the file they came from: ternary codes with their scale, or floats, with
// rows in the order of Hugging Face files. What converters write and comparisons compare.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/model/model.h"

namespace bh::engine {

struct TernaryValues {
  std::vector<std::uint8_t> codes;  ///< w + 1, row-major [rows, cols]
  float scale = 1;                  ///< of the whole tensor, a ".scale" tensor multiplied in
};

/// nullopt where the matrix holds floats that are not all 0 or +-s.
std::optional<TernaryValues> ternary_values(const Config& config, const Matrix& matrix);

/// Row `row` as floats into dst[cols].
void float_values(const Config& config, const Matrix& matrix, std::int64_t row, std::span<float> dst);

/// `value` rounded to nearest even in a float type (f32, f16, bf16); any other type is Error(internal).
float round_to(TensorType type, float value);

/// bf16 master weights [codes.size()] that online quantization turns back into exactly these codes and into `scale`
/// rounded to bf16: zeros, and magnitudes between two neighbours of bf16 whose mean over the tensor is the scale.
/// Where all codes are zero no master can carry the scale. `name` is for the Error(usage) on scales below what online
/// quantization tells from zero.
void fill_master(const TernaryValues& values, std::span<std::uint16_t> dst, std::string_view name);

}  // namespace bh::engine
