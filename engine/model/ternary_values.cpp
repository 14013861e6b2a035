#include "engine/model/ternary_values.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/float_types.h"
#include "engine/model/hf_names.h"

namespace bh::engine {
namespace {

std::size_t to_size(std::int64_t value) { return static_cast<std::size_t>(value); }

/// The codes as they lie in an I2_S tensor.
std::vector<std::uint8_t> unpack_i2_s(const Matrix& matrix) {
  std::vector<std::uint8_t> codes(to_size(matrix.rows * matrix.cols));
  for (std::size_t block = 0; block < codes.size() / i2_s::kBlock; ++block) {
    const std::byte* src = matrix.bytes.data() + 32 * block;
    std::uint8_t* dst = codes.data() + i2_s::kBlock * block;
    for (unsigned lane = 0; lane < 4; ++lane)
      for (unsigned i = 0; i < 32; ++i)
        dst[32 * lane + i] = static_cast<std::uint8_t>((std::to_integer<unsigned>(src[i]) >> (6 - 2 * lane)) & 3u);
  }
  return codes;
}

void order_rows(const Config& config, const Matrix& matrix, std::vector<std::uint8_t>& codes) {
  if (config.rope_style != RopeStyle::adjacent_pairs) return;
  const std::vector<std::uint8_t> stored = codes;
  for (std::int64_t row = 0; row < matrix.rows; ++row) {
    const std::int64_t from = stored_row(config, matrix.name, row) * matrix.cols;
    std::copy_n(stored.begin() + from, matrix.cols, codes.begin() + row * matrix.cols);
  }
}

}  // namespace

std::optional<TernaryValues> ternary_values(const Config& config, const Matrix& matrix) {
  TernaryValues values;
  if (matrix.format->ternary) {
    values.codes = unpack_i2_s(matrix);
    order_rows(config, matrix, values.codes);
    values.scale = i2_s::scale(matrix.bytes, matrix.rows, matrix.cols) * matrix.post_scale;
    return values;
  }
  values.codes.reserve(to_size(matrix.rows * matrix.cols));
  std::vector<float> row(to_size(matrix.cols));
  float magnitude = 0;
  for (std::int64_t r = 0; r < matrix.rows; ++r) {
    float_values(config, matrix, r, row);
    for (const float value : row) {
      if (value != 0 && magnitude == 0) magnitude = std::fabs(value);
      if (value != 0 && std::fabs(value) != magnitude) return std::nullopt;
      values.codes.push_back(value == 0 ? 1 : value < 0 ? 0 : 2);
    }
  }
  if (magnitude != 0) values.scale = magnitude;
  return std::isfinite(values.scale) ? std::optional(std::move(values)) : std::nullopt;
}

void float_values(const Config& config, const Matrix& matrix, std::int64_t row, std::span<float> dst) {
  matrix.format->decode_row(matrix.bytes, matrix.rows, matrix.cols, stored_row(config, matrix.name, row), dst);
  if (matrix.post_scale == 1.0f) return;
  for (float& value : dst) value *= matrix.post_scale;
}

float round_to(TensorType type, float value) {
  switch (type) {
    case TensorType::f32:
      return value;
    case TensorType::f16:
      return half_to_float(float_to_half(value));
    case TensorType::bf16:
      return bf16_to_float(float_to_bf16(value));
    default:
      fail(ErrorKind::internal, "{} is no float type", weight_format(type).name);
  }
}

void fill_master(const TernaryValues& values, std::span<std::uint16_t> dst, std::string_view name) {
  BH_ASSERT(dst.size() == values.codes.size());
  constexpr float kLeastMean = 1e-5f;  // transformers' WeightQuant takes a smaller mean for this one
  const float scale = round_to(TensorType::bf16, values.scale);
  const auto nonzero = static_cast<double>(
      std::count_if(values.codes.begin(), values.codes.end(), [](std::uint8_t code) { return code != 1; }));
  if (nonzero == 0) return std::fill(dst.begin(), dst.end(), std::uint16_t{0});
  if (scale < kLeastMean)
    fail(ErrorKind::usage,
         "{} has the scale {}, which online quantization of a master cannot give: write packed weights", name,
         values.scale);
  const double magnitude = static_cast<double>(scale) * static_cast<double>(values.codes.size()) / nonzero;
  std::uint16_t low = float_to_bf16(static_cast<float>(magnitude));
  if (static_cast<double>(bf16_to_float(low)) > magnitude) --low;
  const auto high = static_cast<std::uint16_t>(low + 1);
  const double low_value = bf16_to_float(low), high_value = bf16_to_float(high);
  auto high_ones =
      static_cast<std::int64_t>(std::llround((magnitude - low_value) / (high_value - low_value) * nonzero));
  for (std::size_t i = 0; i < dst.size(); ++i) {
    dst[i] = 0;
    if (values.codes[i] == 1) continue;
    const auto sign = static_cast<std::uint16_t>(values.codes[i] == 0 ? 0x8000u : 0u);
    dst[i] = static_cast<std::uint16_t>((high_ones-- > 0 ? high : low) | sign);
  }
}

}  // namespace bh::engine
