// F32, F16 and BF16: one value after the other, little-endian.
#include <cmath>
#include <cstring>

#include "engine/base/error.h"
#include "engine/base/float_types.h"
#include "engine/formats/families.h"

namespace bh::engine {
namespace {

struct F32 {
  using Bits = float;
  static constexpr std::string_view kName = "F32";
  static float widen(float bits) { return bits; }
  static float narrow(float value) { return value; }
};

struct F16 {
  using Bits = std::uint16_t;
  static constexpr std::string_view kName = "F16";
  static float widen(std::uint16_t bits) { return half_to_float(bits); }
  static std::uint16_t narrow(float value) { return float_to_half(value); }
};

struct Bf16 {
  using Bits = std::uint16_t;
  static constexpr std::string_view kName = "BF16";
  static float widen(std::uint16_t bits) { return bf16_to_float(bits); }
  static std::uint16_t narrow(float value) { return float_to_bf16(value); }
};

template <class Format>
std::optional<std::uint64_t> byte_size(std::int64_t rows, std::int64_t cols) {
  return block_byte_size(rows, cols, 1, sizeof(typename Format::Bits));
}

template <class Format>
float value_at(std::span<const std::byte> bytes, std::int64_t element) {
  typename Format::Bits bits;  // tensors of a foreign file need not be aligned
  std::memcpy(&bits, bytes.data() + static_cast<std::size_t>(element) * sizeof bits, sizeof bits);
  return Format::widen(bits);
}

template <class Format>
void decode_row(std::span<const std::byte> bytes, std::int64_t, std::int64_t cols, std::int64_t row,
                std::span<float> dst) {
  for (std::int64_t c = 0; c < cols; ++c) dst[static_cast<std::size_t>(c)] = value_at<Format>(bytes, row * cols + c);
}

template <class Format>
void encode(std::span<const float> src, std::int64_t, std::int64_t cols, std::span<std::byte> dst) {
  for (std::size_t i = 0; i < src.size(); ++i) {
    const typename Format::Bits bits = Format::narrow(src[i]);
    if (std::isfinite(src[i]) && !std::isfinite(Format::widen(bits)))
      fail(ErrorKind::usage, "{} at {} is too large for {}", src[i], place_of(static_cast<std::int64_t>(i), cols),
           Format::kName);
    std::memcpy(dst.data() + i * sizeof bits, &bits, sizeof bits);
  }
}

template <class Format>
std::string check(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t cols) {
  for (std::int64_t e = 0; e < rows * cols; ++e) {
    const float value = value_at<Format>(bytes, e);
    if (!std::isfinite(value)) return fmt::format("{} at {}", value, place_of(e, cols));
  }
  return {};
}

template <class Format>
WeightFormat make(TensorType type) noexcept {
  return {type, Format::kName, 1, false, byte_size<Format>, decode_row<Format>, encode<Format>, check<Format>};
}

}  // namespace

WeightFormat f32_format() noexcept { return make<F32>(TensorType::f32); }
WeightFormat f16_format() noexcept { return make<F16>(TensorType::f16); }
WeightFormat bf16_format() noexcept { return make<Bf16>(TensorType::bf16); }

}  // namespace bh::engine
