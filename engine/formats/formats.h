// What the bytes of a weight tensor mean, independent of any CPU. One file per family of formats; formats.cpp lists
// them. Layouts after ggml (GGUF type ids) and microsoft/BitNet (I2_S).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bh::engine {

/// Tensor type ids as GGUF files store them. Only the listed ones are supported; describe_type_id() knows the rest.
enum class TensorType : std::uint32_t { f32 = 0, f16 = 1, q8_0 = 8, q6_k = 14, bf16 = 30, i2_s = 36 };

/// One weight format. A matrix is [rows, cols], row-major, cols innermost (a GGUF `ne` is {cols, rows}).
struct WeightFormat {
  TensorType type;
  std::string_view name;    ///< as the field writes it: "F16", "I2_S"
  std::int64_t block_cols;  ///< cols must be a multiple of this (I2_S: 1, but rows * cols a multiple of 128)
  bool ternary;             ///< values are scale * {-1, 0, +1} with one scale for the tensor

  /// Bytes of a whole tensor, nullopt if the shape does not fit the format or overflows.
  std::optional<std::uint64_t> (*byte_size)(std::int64_t rows, std::int64_t cols);
  /// Decodes row `row` into dst[cols]: the definition every kernel is tested against. `bytes` is the whole tensor.
  void (*decode_row)(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t cols, std::int64_t row,
                     std::span<float> dst);
  /// Encodes src[rows * cols] into dst[byte_size]. Throws Error(usage) on values the format cannot hold.
  void (*encode)(std::span<const float> src, std::int64_t rows, std::int64_t cols, std::span<std::byte> dst);
  /// Empty if every stored value is sound, else what is wrong and where ("illegal 2-bit code 3 at row 5, column 17").
  std::string (*check)(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t cols);
  /// How far each value of row `row` may lie from the one that was encoded, into dst[cols]: what rounding in blocks
  /// implies for ours and for ggml's encoder. `reach[cols]` bounds the magnitudes that were encoded: scales larger than
  /// such values give are not believed. nullptr where values are not stored in blocks of one scale.
  void (*rounding_row)(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t cols, std::int64_t row,
                       std::span<const float> reach, std::span<float> dst) = nullptr;
};

/// All formats, in the order of their type ids.
std::span<const WeightFormat> weight_formats() noexcept;

/// nullptr if the type is not supported.
const WeightFormat* find_weight_format(std::uint32_t type_id) noexcept;
const WeightFormat& weight_format(TensorType type) noexcept;

/// In words, for any id: "TQ2_0 (llama.cpp)", "IQ2_BN (ik_llama.cpp)", "removed from ggml", "unknown".
std::string describe_type_id(std::uint32_t type_id);

/// I2_S in its canonical layout (128 elements in 32 bytes on every CPU; formats: microsoft/BitNet, x86 ACT_PARALLEL).
/// Element e = row * cols + col lives in byte 32 * (e / 128) + e % 32, bits 6 - 2 * (e % 128 / 32) and up; code = w
/// + 1.
namespace i2_s {
inline constexpr std::int64_t kBlock = 128;
inline constexpr std::size_t kTail = 32;  ///< f32 scale at byte rows * cols / 4, then 28 bytes without meaning

inline int code_at(const std::byte* bytes, std::int64_t element) noexcept {
  const auto in_block = element % kBlock;
  const auto byte = std::to_integer<unsigned>(bytes[32 * (element / kBlock) + in_block % 32]);
  return static_cast<int>((byte >> (6 - 2 * (in_block / 32))) & 3u);
}

/// The tensor's scale; `bytes` is the whole tensor.
float scale(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t cols);
/// Empty if the scale is finite and above 0, else what is wrong.
std::string check_scale(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t cols);
/// Packs codes (0, 1, 2), row-major [rows * cols], and the scale into dst[byte_size]; the tail is zeroed.
void pack(std::span<const std::uint8_t> codes, float scale, std::span<std::byte> dst);
/// The two parts of pack(), for tensors made piece by piece: 128 codes to 32 bytes, and the tail of a whole tensor.
void pack_block(const std::uint8_t* codes, std::byte* dst) noexcept;
void set_scale(std::span<std::byte> dst, float scale) noexcept;
/// The first element of the first 128-block that holds the illegal code 3, -1 if there is none. At the speed of memory.
std::int64_t find_illegal(std::span<const std::byte> bytes, std::int64_t elements) noexcept;
}  // namespace i2_s

}  // namespace bh::engine
