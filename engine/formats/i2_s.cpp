// I2_S, the ternary format of microsoft/BitNet, in the layout of every published file. Neighbour: engine/model/
// i2s_layout.h, which looks for files in its other layouts.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <vector>

#include "engine/base/error.h"
#include "engine/formats/families.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kLane = 32;  ///< elements (and bytes) between two lanes of a block
constexpr std::size_t kBlockBytes = 32;

std::optional<std::uint64_t> byte_size(std::int64_t rows, std::int64_t cols) {
  const auto elements = block_byte_size(rows, cols, 1, 1);
  if (!elements || *elements % i2_s::kBlock != 0) return std::nullopt;
  return *elements / 4 + i2_s::kTail;
}

void decode_row(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t cols, std::int64_t row,
                std::span<float> dst) {
  const float s = i2_s::scale(bytes, rows, cols);
  const float values[4] = {-s, 0.0f, s, 0.0f};  // code 3 is illegal; the reference, too, decodes it as 0
  for (std::int64_t c = 0; c < cols;) {         // runs of one lane; a row may begin anywhere in a block
    const std::int64_t e = row * cols + c;
    const std::int64_t run = std::min(kLane - e % kLane, cols - c);
    const auto shift = static_cast<unsigned>(6 - 2 * (e % i2_s::kBlock / kLane));
    const std::byte* src = bytes.data() + kLane * (e / i2_s::kBlock) + e % kLane;
    for (std::int64_t i = 0; i < run; ++i)
      dst[static_cast<std::size_t>(c + i)] = values[(std::to_integer<unsigned>(src[i]) >> shift) & 3u];
    c += run;
  }
}

void encode(std::span<const float> src, std::int64_t, std::int64_t cols, std::span<std::byte> dst) {
  float scale = 0;
  for (const float value : src) scale = std::max(scale, std::fabs(value));
  if (scale == 0) scale = 1;  // all zero: any scale does, and it must be above 0
  std::vector<std::uint8_t> codes(src.size());
  for (std::size_t i = 0; i < src.size(); ++i) {
    if (src[i] != 0 && std::fabs(src[i]) != scale)
      fail(ErrorKind::usage, "I2_S holds -s, 0 and s only: {} at {} is neither 0 nor +-{}", src[i],
           place_of(static_cast<std::int64_t>(i), cols), scale);
    codes[i] = src[i] == 0 ? 1 : src[i] < 0 ? 0 : 2;
  }
  i2_s::pack(codes, scale, dst);
}

std::string check(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t cols) {
  if (std::string fault = i2_s::check_scale(bytes, rows, cols); !fault.empty()) return fault;
  const std::int64_t illegal = i2_s::find_illegal(bytes, rows * cols);
  if (illegal >= 0) return fmt::format("illegal 2-bit code 3 at {}", place_of(illegal, cols));
  return {};
}

/// Whether any of `size` bytes (a multiple of 8) holds the code 3. Size may be a constant, so that the loop is
/// vectorised.
template <class Size>
bool has_illegal(const std::byte* data, Size size) noexcept {
  std::uint64_t both_bits = 0;  // the low bit of a code is set where both its bits are
  for (std::size_t i = 0; i < size; i += sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, data + i, sizeof word);
    both_bits |= word & (word >> 1);
  }
  return (both_bits & 0x5555555555555555u) != 0;
}

std::int64_t first_illegal_of_block(std::span<const std::byte> bytes, std::int64_t block) {
  for (std::int64_t e = block * i2_s::kBlock; e < (block + 1) * i2_s::kBlock; ++e)
    if (i2_s::code_at(bytes.data(), e) == 3) return e;
  return -1;
}

}  // namespace

namespace i2_s {

float scale(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t cols) {
  float value = 0;
  std::memcpy(&value, bytes.data() + rows * cols / 4, sizeof value);
  return value;
}

std::string check_scale(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t cols) {
  const float s = scale(bytes, rows, cols);
  return std::isfinite(s) && s > 0 ? std::string() : fmt::format("scale {} (must be finite and above 0)", s);
}

void pack_block(const std::uint8_t* codes, std::byte* dst) noexcept {
  for (std::size_t p = 0; p < kBlockBytes; ++p)
    dst[p] = static_cast<std::byte>(codes[p] << 6 | codes[p + 32] << 4 | codes[p + 64] << 2 | codes[p + 96]);
}

void set_scale(std::span<std::byte> dst, float scale) noexcept {
  std::byte* tail = dst.data() + dst.size() - kTail;
  std::memset(tail, 0, kTail);
  std::memcpy(tail, &scale, sizeof scale);
}

void pack(std::span<const std::uint8_t> codes, float scale, std::span<std::byte> dst) {
  if (codes.size() % kBlock != 0)
    fail(ErrorKind::usage, "I2_S holds whole blocks of {} values, not {} values", kBlock, codes.size());
  BH_ASSERT(dst.size() == codes.size() / 4 + kTail);
  for (std::size_t block = 0; block < codes.size() / kBlock; ++block)
    pack_block(codes.data() + block * kBlock, dst.data() + block * kBlockBytes);
  set_scale(dst, scale);
}

std::int64_t find_illegal(std::span<const std::byte> bytes, std::int64_t elements) noexcept {
  constexpr std::int64_t kAtOnce = 32;  // blocks: one branch a kilobyte runs at the speed of memory
  const std::int64_t blocks = elements / kBlock;
  for (std::int64_t first = 0; first < blocks; first += kAtOnce) {
    const std::int64_t last = std::min(first + kAtOnce, blocks);
    const auto at = static_cast<std::size_t>(first) * kBlockBytes;
    const bool found =
        last - first == kAtOnce
            ? has_illegal(bytes.data() + at, std::integral_constant<std::size_t, kAtOnce * kBlockBytes>{})
            : has_illegal(bytes.data() + at, static_cast<std::size_t>(last - first) * kBlockBytes);
    if (!found) continue;
    for (std::int64_t block = first; block < last; ++block) {
      const std::int64_t element = first_illegal_of_block(bytes, block);
      if (element >= 0) return element;
    }
  }
  return -1;
}

}  // namespace i2_s

WeightFormat i2_s_format() noexcept {
  return {TensorType::i2_s, "I2_S", 1, true, byte_size, decode_row, encode, check};
}

}  // namespace bh::engine
