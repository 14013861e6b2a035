#include "engine/cpu/packed_ternary.h"

#include <atomic>
#include <cstring>

#include "engine/base/error.h"

namespace bh::engine {
namespace {

constexpr std::uint64_t kLowBits = 0x0303030303030303u;

/// Sixteen codes, one a byte, to the four bytes of one row in one step.
inline std::uint32_t fold(std::uint64_t first8, std::uint64_t last8) noexcept {
  return static_cast<std::uint32_t>(first8) | static_cast<std::uint32_t>(first8 >> 32) << 2 |
         static_cast<std::uint32_t>(last8) << 4 | static_cast<std::uint32_t>(last8 >> 32) << 6;
}

/// A row that starts on an I2_S block: step s of a block is 16 neighbouring bytes, shifted by the step's lane.
void pack_aligned_row(const std::byte* src, std::int64_t cols, std::uint8_t* dst) noexcept {
  for (std::int64_t step = 0; step < cols / kStepCols; ++step) {
    const std::byte* p = src + 32 * (step / 8) + 16 * (step % 2);
    const int shift = 6 - 2 * static_cast<int>(step % 8 / 2);
    std::uint64_t first8, last8;
    std::memcpy(&first8, p, 8);
    std::memcpy(&last8, p + 8, 8);
    const std::uint32_t folded = fold((first8 >> shift) & kLowBits, (last8 >> shift) & kLowBits);
    std::memcpy(dst + step * kStepBytes, &folded, 4);
  }
}

/// Any row: cols need not be a multiple of 128 (the flat layout goes on across rows).
void pack_any_row(const Matrix& matrix, std::int64_t row, std::int64_t steps, std::uint8_t* dst) noexcept {
  for (std::int64_t step = 0; step < steps; ++step) {
    std::uint8_t codes[kStepCols];
    for (std::int64_t i = 0; i < kStepCols; ++i) {
      const std::int64_t col = step * kStepCols + i;
      codes[i] = static_cast<std::uint8_t>(
          col < matrix.cols ? i2_s::code_at(matrix.bytes.data(), row * matrix.cols + col) : 1);
    }
    std::uint64_t first8, last8;
    std::memcpy(&first8, codes, 8);
    std::memcpy(&last8, codes + 8, 8);
    const std::uint32_t folded = fold(first8, last8);
    std::memcpy(dst + step * kStepBytes, &folded, 4);
  }
}

bool has_illegal_code(const std::uint8_t* bytes, std::int64_t count) noexcept {
  std::uint64_t found = 0;
  for (std::int64_t i = 0; i < count; i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes + i, 8);
    found |= word & (word >> 1) & 0x5555555555555555u;
  }
  return found != 0;
}

}  // namespace

std::int64_t packed_bytes(std::int64_t rows, std::int64_t cols) noexcept {
  return round_up(rows, kGroupRows) / kGroupRows * (round_up(cols, kStepCols) / kStepCols) * kStepBytes;
}

PackedTernary pack_ternary(const Matrix& matrix, std::span<std::uint8_t> dst, ThreadPool& pool) {
  BH_ASSERT(matrix.format != nullptr && matrix.format->ternary);
  PackedTernary packed;
  packed.rows = matrix.rows;
  packed.cols = matrix.cols;
  packed.groups = round_up(matrix.rows, kGroupRows) / kGroupRows;
  packed.steps = round_up(matrix.cols, kStepCols) / kStepCols;
  packed.scale = i2_s::scale(matrix.bytes, matrix.rows, matrix.cols);
  packed.post_scale = matrix.post_scale;
  BH_ASSERT(dst.size() == static_cast<std::size_t>(packed_bytes(matrix.rows, matrix.cols)));
  packed.weights = dst;

  const bool aligned = matrix.cols % i2_s::kBlock == 0;
  std::atomic<bool> illegal{false};
  pool.run(packed.groups, [&](std::int64_t group, int) {
    std::uint8_t* group_weights = dst.data() + group * packed.group_bytes();
    std::memset(group_weights, 0x55, static_cast<std::size_t>(packed.group_bytes()));  // code 1: weight 0
    for (std::int64_t r = 0; r < kGroupRows && group * kGroupRows + r < matrix.rows; ++r) {
      const std::int64_t row = group * kGroupRows + r;
      if (aligned) {
        pack_aligned_row(matrix.bytes.data() + row * matrix.cols / 4, matrix.cols, group_weights + 4 * r);
      } else {
        pack_any_row(matrix, row, packed.steps, group_weights + 4 * r);
      }
    }
    if (has_illegal_code(group_weights, packed.group_bytes())) illegal = true;
  });
  if (illegal) {
    fail(ErrorKind::setup, "{}: {}; the file is damaged or not in the canonical I2_S layout: fetch or convert it again",
         matrix.name, matrix.format->check(matrix.bytes, matrix.rows, matrix.cols));
  }
  return packed;
}

}  // namespace bh::engine
