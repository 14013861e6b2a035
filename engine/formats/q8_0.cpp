// Q8_0: blocks of 32 values as an f16 scale and 32 signed bytes (ggml's block_q8_0).
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/base/error.h"
#include "engine/base/float_types.h"
#include "engine/formats/families.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kCols = 32;

struct Block {
  std::uint16_t d;
  std::int8_t qs[kCols];
};
static_assert(sizeof(Block) == 34);

Block block_at(std::span<const std::byte> bytes, std::int64_t index) {
  Block block;
  std::memcpy(&block, bytes.data() + static_cast<std::size_t>(index) * sizeof block, sizeof block);
  return block;
}

std::optional<std::uint64_t> byte_size(std::int64_t rows, std::int64_t cols) {
  return block_byte_size(rows, cols, kCols, sizeof(Block));
}

void decode_row(std::span<const std::byte> bytes, std::int64_t, std::int64_t cols, std::int64_t row,
                std::span<float> dst) {
  const std::int64_t blocks = cols / kCols;
  for (std::int64_t b = 0; b < blocks; ++b) {
    const Block block = block_at(bytes, row * blocks + b);
    const float d = half_to_float(block.d);
    for (std::int64_t i = 0; i < kCols; ++i)
      dst[static_cast<std::size_t>(b * kCols + i)] = d * static_cast<float>(block.qs[i]);
  }
}

void encode(std::span<const float> src, std::int64_t, std::int64_t cols, std::span<std::byte> dst) {
  for (std::size_t b = 0; b < src.size() / kCols; ++b) {
    const auto values = src.subspan(b * kCols, kCols);
    float amax = 0;
    bool finite = true;
    for (const float value : values) {
      amax = std::max(amax, std::fabs(value));
      finite = finite && std::isfinite(value);
    }
    const float d = amax / 127.0f;
    Block block{float_to_half(d), {}};
    if (!finite || !std::isfinite(half_to_float(block.d)))
      fail(ErrorKind::usage, "the block at {} holds values too large for Q8_0",
           place_of(static_cast<std::int64_t>(b) * kCols, cols));
    // Of the f32 scale, rounding half away, as quantize_row_q8_0_ref. For the smallest scales, which are stored as 0,
    // it is infinite, and zeros times that are no numbers.
    const float inverse = std::isfinite(1.0f / d) ? 1.0f / d : 0.0f;
    for (std::size_t i = 0; i < kCols; ++i)
      block.qs[i] = static_cast<std::int8_t>(std::clamp(std::round(values[i] * inverse), -127.0f, 127.0f));
    std::memcpy(dst.data() + b * sizeof block, &block, sizeof block);
  }
}

/// Half a step; and the bytes were chosen for the scale before it was rounded to f16.
void rounding_row(std::span<const std::byte> bytes, std::int64_t, std::int64_t cols, std::int64_t row,
                  std::span<const float> reach, std::span<float> dst) {
  const std::int64_t blocks = cols / kCols;
  for (std::int64_t b = 0; b < blocks; ++b) {
    const auto values = reach.subspan(static_cast<std::size_t>(b * kCols), kCols);
    const std::uint16_t largest = float_to_half(*std::max_element(values.begin(), values.end()) / 127.0f);
    const std::uint16_t d = std::min(half_magnitude(block_at(bytes, row * blocks + b).d), largest);
    std::fill_n(dst.begin() + b * kCols, kCols, half_to_float(d) / 2 + 127.5f * half_rounding(d));
  }
}

std::string check(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t cols) {
  for (std::int64_t b = 0; b < rows * (cols / kCols); ++b) {
    const float d = half_to_float(block_at(bytes, b).d);
    if (!std::isfinite(d)) return fmt::format("block scale {} at {}", d, place_of(b * kCols, cols));
  }
  return {};
}

}  // namespace

WeightFormat q8_0_format() noexcept {
  return {TensorType::q8_0, "Q8_0", kCols, false, byte_size, decode_row, encode, check, rounding_row};
}

}  // namespace bh::engine
