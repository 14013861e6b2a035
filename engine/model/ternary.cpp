#include "engine/model/ternary.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/base/error.h"
#include "engine/model/ternary_values.h"

namespace bh::engine {
namespace {

AlignedBuffer<std::byte> make_buffer(std::int64_t rows, std::int64_t cols, const std::string& name) {
  const auto bytes = weight_format(TensorType::i2_s).byte_size(rows, cols);
  if (!bytes)
    fail(ErrorKind::setup, "{}: {} x {} ternary values are no whole number of blocks of {}, which I2_S needs", name,
         rows, cols, i2_s::kBlock);
  return AlignedBuffer<std::byte>(static_cast<std::size_t>(*bytes));
}

}  // namespace

AlignedBuffer<std::byte> ternarise(const WeightFormat& format, std::span<const std::byte> bytes, std::int64_t rows,
                                   std::int64_t cols, const std::string& name) {
  AlignedBuffer<std::byte> result = make_buffer(rows, cols, name);
  std::vector<float> row(static_cast<std::size_t>(cols));
  double sum = 0;
  for (std::int64_t r = 0; r < rows; ++r) {
    format.decode_row(bytes, rows, cols, r, row);
    for (const float value : row) sum += static_cast<double>(std::fabs(value));
  }
  const auto mean = static_cast<float>(sum / static_cast<double>(rows * cols));
  if (!std::isfinite(mean)) fail(ErrorKind::setup, "{}: holds values that are not finite; the file is damaged", name);
  const float s = 1.0f / std::max(mean, 1e-5f);
  const float scale = round_to(format.type, 1.0f / s);
  if (!std::isfinite(scale) || scale <= 0)
    fail(ErrorKind::setup, "{}: its mean magnitude {} gives no usable scale; the file is damaged", name, mean);
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(rows * cols));
  auto code = codes.begin();
  for (std::int64_t r = 0; r < rows; ++r) {
    format.decode_row(bytes, rows, cols, r, row);
    for (const float value : row)
      *code++ = static_cast<std::uint8_t>(static_cast<int>(std::clamp(std::nearbyint(value * s), -1.0f, 1.0f)) + 1);
  }
  i2_s::pack(codes, scale, result.span());
  return result;
}

AlignedBuffer<std::byte> unpack_ternary(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t cols,
                                        float scale, const std::string& name) {
  AlignedBuffer<std::byte> result = make_buffer(rows, cols, name);
  const std::int64_t quarter = rows / 4 * cols;  // values between two codes of a byte
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(rows * cols));
  for (std::int64_t i = 0; i < quarter; ++i) {
    const auto byte = std::to_integer<unsigned>(bytes[static_cast<std::size_t>(i)]);
    for (std::int64_t part = 0; part < 4; ++part) {
      const unsigned code = (byte >> (2 * part)) & 3u;
      const std::int64_t element = part * quarter + i;
      if (code == 3)
        fail(ErrorKind::setup, "{}: illegal 2-bit code 3 at row {}, column {}; the file is damaged", name,
             element / cols, element % cols);
      codes[static_cast<std::size_t>(element)] = static_cast<std::uint8_t>(code);
    }
  }
  i2_s::pack(codes, scale, result.span());
  return result;
}

}  // namespace bh::engine
