#include "engine/cpu/packed_ternary.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "engine/base/error.h"
#include "engine/cpu/trits.h"

namespace bh::engine {
namespace {

/// Sixteen codes, one a byte, to the four bytes of one row in one step.
inline std::uint32_t fold(std::uint64_t first8, std::uint64_t last8) noexcept {
  return static_cast<std::uint32_t>(first8) | static_cast<std::uint32_t>(first8 >> 32) << 2 |
         static_cast<std::uint32_t>(last8) << 4 | static_cast<std::uint32_t>(last8 >> 32) << 6;
}

/// One I2_S block of sixteen rows, 128 columns, to its eight steps. A byte of a row holds four codes, 32 columns apart:
/// its lanes. So sixteen bytes of a row, four words, hold its part of four steps, lane by lane, and each step's part is
/// that lane of the four words. The loops over rows are vectors. Returns the bits that an illegal code leaves set.
std::uint32_t pack_block(const std::byte* src, std::int64_t row_bytes, std::uint8_t* dst) noexcept {
  std::uint32_t illegal[kGroupRows] = {};
  for (int half = 0; half < 2; ++half) {
    std::uint32_t words[4][kGroupRows];
    for (std::int64_t r = 0; r < kGroupRows; ++r) {
      for (int f = 0; f < 4; ++f) std::memcpy(&words[f][r], src + r * row_bytes + 16 * half + 4 * f, 4);
    }
    for (std::int64_t r = 0; r < kGroupRows; ++r) {
      for (int f = 0; f < 4; ++f) illegal[r] |= words[f][r] & (words[f][r] >> 1);
    }
    for (int lane = 0; lane < 4; ++lane) {
      constexpr std::uint32_t kLowBits = 0x03030303u;
      const int shift = 6 - 2 * lane;
      std::uint32_t step[kGroupRows];
      for (std::int64_t r = 0; r < kGroupRows; ++r) {
        step[r] = ((words[0][r] >> shift) & kLowBits) | ((words[1][r] >> shift) & kLowBits) << 2 |
                  ((words[2][r] >> shift) & kLowBits) << 4 | ((words[3][r] >> shift) & kLowBits) << 6;
      }
      std::memcpy(dst + (2 * lane + half) * kStepBytes, step, kStepBytes);
    }
  }
  std::uint32_t any = 0;
  for (const std::uint32_t bits : illegal) any |= bits;
  return any & 0x55555555u;
}

/// Sixteen rows of whole blocks. Returns whether one of them holds an illegal code.
bool pack_aligned_group(const std::byte* src, std::int64_t cols, std::uint8_t* dst) noexcept {
  std::uint32_t illegal = 0;
  for (std::int64_t block = 0; block < cols / i2_s::kBlock; ++block) {
    illegal |= pack_block(src + 32 * block, cols / 4, dst + i2_s::kBlock / kStepCols * kStepBytes * block);
  }
  return illegal != 0;
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

/// The byte of each number. Illegal codes, which are refused after packing, make any number.
struct TritBytes {
  std::uint8_t of[256] = {};

  constexpr TritBytes() {
    for (int n = 0; n < kTritNumbers; ++n) of[n] = trit_byte(n);
  }
};
constexpr TritBytes kTritBytes;

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

std::int64_t packed_steps(std::int64_t cols, TernaryLayout layout) noexcept {
  const std::int64_t steps = round_up(cols, kStepCols) / kStepCols;
  if (layout == TernaryLayout::two_bits) return steps;
  return round_up(steps * kStepCols, kTritFields * kFieldCols) / (kTritFields * kFieldCols);
}

std::int64_t packed_bytes(std::int64_t rows, std::int64_t cols, TernaryLayout layout) noexcept {
  return round_up(rows, kGroupRows) / kGroupRows * packed_steps(cols, layout) * kStepBytes;
}

void pack_trits(const std::uint8_t* two_bits, std::int64_t steps, std::uint8_t* dst) noexcept {
  constexpr std::int64_t kFields = kStepCols / kFieldCols;
  // Eight bytes are added at once: no number of legal codes exceeds a byte.
  constexpr std::size_t kWords = kStepBytes / sizeof(std::uint64_t);
  const std::int64_t fields = steps * kFields;
  for (std::int64_t first = 0; first < fields; first += kTritFields, dst += kStepBytes) {
    std::uint64_t sums[kWords] = {};
    for (std::int64_t field = std::min(first + kTritFields, fields); field-- > first;) {
      std::uint64_t step[kWords];
      std::memcpy(step, two_bits + field / kFields * kStepBytes, kStepBytes);
      const int shift = static_cast<int>(2 * (field % kFields));
      for (std::size_t i = 0; i < kWords; ++i) sums[i] = 3 * sums[i] + ((step[i] >> shift) & 0x0303030303030303u);
    }
    std::uint8_t numbers[kStepBytes];
    std::memcpy(numbers, sums, kStepBytes);
    for (std::int64_t i = 0; i < kStepBytes; ++i) dst[i] = kTritBytes.of[numbers[i]];
  }
}

PackedTernary pack_ternary(const Matrix& matrix, TernaryLayout layout, std::string_view where,
                           std::span<std::uint8_t> dst, ThreadPool& pool) {
  BH_ASSERT(matrix.format != nullptr && matrix.format->ternary);
  PackedTernary packed;
  packed.rows = matrix.rows;
  packed.cols = matrix.cols;
  packed.groups = round_up(matrix.rows, kGroupRows) / kGroupRows;
  packed.steps = packed_steps(matrix.cols, layout);
  packed.scale = i2_s::scale(matrix.bytes, matrix.rows, matrix.cols);
  packed.post_scale = matrix.post_scale;
  BH_ASSERT(dst.size() == static_cast<std::size_t>(packed_bytes(matrix.rows, matrix.cols, layout)));
  packed.weights = dst;

  const bool whole_blocks = matrix.cols % i2_s::kBlock == 0, trits = layout == TernaryLayout::trits;
  const std::int64_t steps = packed_steps(matrix.cols, TernaryLayout::two_bits), group_bytes = steps * kStepBytes;
  std::vector<std::uint8_t> scratch(static_cast<std::size_t>(trits ? pool.threads() * group_bytes : 0));
  std::atomic<bool> illegal{false};
  pool.run(packed.groups, [&](std::int64_t group, int thread) {
    std::uint8_t* const packed_group = dst.data() + group * packed.group_bytes();
    std::uint8_t* const two_bits = trits ? scratch.data() + thread * group_bytes : packed_group;
    const std::int64_t first = group * kGroupRows, end = std::min(first + kGroupRows, matrix.rows);
    if (whole_blocks && end - first == kGroupRows) {
      if (pack_aligned_group(matrix.bytes.data() + first * matrix.cols / 4, matrix.cols, two_bits)) illegal = true;
    } else {
      std::memset(two_bits, 0x55, static_cast<std::size_t>(group_bytes));  // code 1: weight 0
      for (std::int64_t row = first; row < end; ++row) {
        pack_any_row(matrix, row, steps, two_bits + 4 * (row - first));
      }
      if (has_illegal_code(two_bits, group_bytes)) illegal = true;
    }
    if (trits) pack_trits(two_bits, steps, packed_group);
  });
  if (illegal) refuse_values(where, matrix, matrix.format->check(matrix.bytes, matrix.rows, matrix.cols));
  return packed;
}

}  // namespace bh::engine
