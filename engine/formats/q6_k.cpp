// Q6_K: blocks of 256 values of 6 bits with sixteen 8-bit scales and one f16 scale over them (ggml's block_q6_K).
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/base/error.h"
#include "engine/base/float_types.h"
#include "engine/formats/families.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kCols = 256;
constexpr std::size_t kGroup = 16;  ///< values that share a scale

struct Block {
  std::uint8_t ql[kCols / 2];
  std::uint8_t qh[kCols / 4];
  std::int8_t scales[kCols / kGroup];
  std::uint16_t d;
};
static_assert(sizeof(Block) == 210);

Block block_at(std::span<const std::byte> bytes, std::int64_t index) {
  Block block;
  std::memcpy(&block, bytes.data() + static_cast<std::size_t>(index) * sizeof block, sizeof block);
  return block;
}

std::optional<std::uint64_t> byte_size(std::int64_t rows, std::int64_t cols) {
  return block_byte_size(rows, cols, kCols, sizeof(Block));
}

/// Where element e (0 .. 255) of a block keeps its low nibble and its high pair of bits.
struct Place {
  std::size_t low, high;
  unsigned low_shift, high_shift;
};

Place place_in_block(std::size_t e) {
  const std::size_t half = e / 128;
  const std::size_t group = e % 128 / 32;
  const std::size_t lane = e % 32;
  return {64 * half + 32 * (group % 2) + lane, 32 * half + lane, group < 2 ? 0u : 4u, static_cast<unsigned>(2 * group)};
}

/// A value: level times step, where the step is the group's scale times the block's.
struct Level {
  int level;
  float step;
  int scale;        ///< of the group
  std::uint16_t d;  ///< of the block
};

template <class Take>
void for_each_value(std::span<const std::byte> bytes, std::int64_t cols, std::int64_t row, const Take& take) {
  const std::int64_t blocks = cols / kCols;
  for (std::int64_t b = 0; b < blocks; ++b) {
    const Block block = block_at(bytes, row * blocks + b);
    const float d = half_to_float(block.d);
    for (std::size_t e = 0; e < kCols; ++e) {
      const Place at = place_in_block(e);
      const int q = ((block.ql[at.low] >> at.low_shift) & 15) | (((block.qh[at.high] >> at.high_shift) & 3) << 4);
      const float dl = d * static_cast<float>(block.scales[e / kGroup]);  // this product first, as the reference does
      take(static_cast<std::size_t>(b * kCols) + e, Level{q - 32, dl, block.scales[e / kGroup], block.d});
    }
  }
}

void decode_row(std::span<const std::byte> bytes, std::int64_t, std::int64_t cols, std::int64_t row,
                std::span<float> dst) {
  for_each_value(bytes, cols, row,
                 [&](std::size_t i, const Level& value) { dst[i] = value.step * static_cast<float>(value.level); });
}

float largest_of(std::span<const float> values) { return *std::max_element(values.begin(), values.end()); }

/// Half a step inside the range. At its ends values are clipped, and lie farther out than what is stored, up to the
/// group's reach: by one step where the far side has 31 levels and not 32, 1.5 where ggml's search took so much smaller
/// a scale, and by what rounding the group's scale to a whole number (half of one, or 1 where it is cut to 127) and the
/// block's to f16 takes from the largest value, at up to 34 levels.
/// A scale is believed up to what the search can take, 1/30 of the group's reach, and so much rounded.
void rounding_row(std::span<const std::byte> bytes, std::int64_t, std::int64_t cols, std::int64_t row,
                  std::span<const float> reach, std::span<float> dst) {
  constexpr float kFewestLevels = 30, kMostLevels = 34, kScales = 128;
  float block = 0, group = 0;  // their reach
  for_each_value(bytes, cols, row, [&](std::size_t i, const Level& value) {
    if (i % kCols == 0) block = largest_of(reach.subspan(i, kCols));
    if (i % kGroup == 0) group = largest_of(reach.subspan(i, kGroup));
    const std::uint16_t bits = std::min(half_magnitude(value.d), float_to_half(block / (kFewestLevels * kScales)));
    const float d = half_to_float(bits), d_rounding = kScales * half_rounding(bits);
    const float step = std::min(std::fabs(value.step), group / kFewestLevels + 0.50001f * d + d_rounding);
    dst[i] = step * 0.50001f;
    if (step != 0 && value.level > -32 && value.level < 31) return;
    const float cut = std::abs(value.scale) >= 127 ? 1.0f : 0.50001f;
    const float clipped = 2.5f * step + kMostLevels * (cut * d + d_rounding);
    const float beyond = group - std::fabs(value.step * static_cast<float>(value.level));
    dst[i] = std::max(dst[i], std::min(clipped, beyond));
  });
}

/// A plain quantizer: each group's largest value goes to -32, without ggml's iterative search for better scales.
Block encode_block(std::span<const float> values) {
  float group_scale[kCols / kGroup] = {};
  float largest = 0;
  for (std::size_t g = 0; g < kCols / kGroup; ++g) {
    for (const float value : values.subspan(g * kGroup, kGroup))
      if (std::fabs(value) > std::fabs(group_scale[g])) group_scale[g] = value;
    group_scale[g] /= -32.0f;
    if (std::fabs(group_scale[g]) > std::fabs(largest)) largest = group_scale[g];
  }
  Block block{};
  block.d = float_to_half(largest / -128.0f);
  const float d = half_to_float(block.d);
  if (!std::isfinite(d)) return block;  // too large: the caller refuses it
  for (std::size_t g = 0; g < kCols / kGroup; ++g) {
    const float scale = d == 0 ? 0.0f : std::clamp(std::nearbyint(group_scale[g] / d), -128.0f, 127.0f);
    block.scales[g] = static_cast<std::int8_t>(scale);
    const float dl = d * scale;
    for (std::size_t e = g * kGroup; e < (g + 1) * kGroup; ++e) {
      const float level = dl == 0 ? 0.0f : std::clamp(std::nearbyint(values[e] / dl), -32.0f, 31.0f);
      const auto q = static_cast<unsigned>(static_cast<int>(level) + 32);
      const Place at = place_in_block(e);
      block.ql[at.low] = static_cast<std::uint8_t>(block.ql[at.low] | ((q & 15u) << at.low_shift));
      block.qh[at.high] = static_cast<std::uint8_t>(block.qh[at.high] | ((q >> 4) << at.high_shift));
    }
  }
  return block;
}

void encode(std::span<const float> src, std::int64_t, std::int64_t cols, std::span<std::byte> dst) {
  for (std::size_t b = 0; b < src.size() / kCols; ++b) {
    const auto values = src.subspan(b * kCols, kCols);
    const bool finite = std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
    const Block block = finite ? encode_block(values) : Block{};
    if (!finite || !std::isfinite(half_to_float(block.d)))
      fail(ErrorKind::usage, "the block at {} holds values too large for Q6_K",
           place_of(static_cast<std::int64_t>(b) * kCols, cols));
    std::memcpy(dst.data() + b * sizeof block, &block, sizeof block);
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

WeightFormat q6_k_format() noexcept {
  return {TensorType::q6_k, "Q6_K", kCols, false, byte_size, decode_row, encode, check, rounding_row};
}

}  // namespace bh::engine
