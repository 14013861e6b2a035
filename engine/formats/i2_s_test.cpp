// The worked examples of the I2_S layout, and what it refuses.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "engine/base/error.h"
#include "engine/formats/formats.h"
#include "tests/support/catch.h"

namespace {

using namespace bh::engine;

const WeightFormat& kFormat = weight_format(TensorType::i2_s);

std::vector<std::byte> encoded(const std::vector<float>& values, std::int64_t rows, std::int64_t cols) {
  std::vector<std::byte> bytes(kFormat.byte_size(rows, cols).value());
  kFormat.encode(values, rows, cols, bytes);
  return bytes;
}

std::vector<float> decoded(const std::vector<std::byte>& bytes, std::int64_t rows, std::int64_t cols) {
  std::vector<float> values(static_cast<std::size_t>(rows * cols));
  for (std::int64_t r = 0; r < rows; ++r)
    kFormat.decode_row(bytes, rows, cols, r,
                       std::span(values).subspan(static_cast<std::size_t>(r * cols), static_cast<std::size_t>(cols)));
  return values;
}

/// Codes 0, 1, 2 in no regular order.
std::vector<float> ternary(std::size_t n, float scale) {
  std::vector<float> values(n);
  std::uint32_t state = 12345;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = scale * static_cast<float>(static_cast<int>((state >> 16) % 3) - 1);
  }
  return values;
}

}  // namespace

TEST_CASE("I2_S worked example A: a repeating pattern") {
  std::vector<float> values(128);
  for (int i = 0; i < 128; ++i) values[static_cast<std::size_t>(i)] = 0.5f * static_cast<float>(i % 3 - 1);
  const auto bytes = encoded(values, 1, 128);
  REQUIRE(bytes.size() == 64);
  const int pattern[3] = {0x24, 0x49, 0x92};
  for (std::size_t p = 0; p < 32; ++p) REQUIRE(std::to_integer<int>(bytes[p]) == pattern[p % 3]);
  const int scale[4] = {0, 0, 0, 0x3f};
  for (std::size_t i = 0; i < 4; ++i) REQUIRE(std::to_integer<int>(bytes[32 + i]) == scale[i]);
  REQUIRE(decoded(bytes, 1, 128) == values);

  // The reference kernel's dot product of it with a[i] = ((37 i) mod 255) - 127.
  int code_dot = 0, sum = 0;
  for (int i = 0; i < 128; ++i) {
    const int a = 37 * i % 255 - 127;
    code_dot += i2_s::code_at(bytes.data(), i) * a;
    sum += a;
  }
  REQUIRE(code_dot == 3);
  REQUIRE(sum == -100);
}

TEST_CASE("I2_S worked example B: four lone values") {
  std::vector<float> values(128);
  values[0] = values[66] = 0.5f;
  values[33] = values[127] = -0.5f;
  const auto bytes = encoded(values, 1, 128);
  for (std::size_t p = 0; p < 32; ++p) {
    const int expected = p == 0 ? 0x95 : p == 1 ? 0x45 : p == 2 ? 0x59 : p == 31 ? 0x54 : 0x55;
    REQUIRE(std::to_integer<int>(bytes[p]) == expected);
  }
  REQUIRE(i2_s::scale(bytes, 1, 128) == 0.5f);
  REQUIRE(decoded(bytes, 1, 128) == values);
}

TEST_CASE("I2_S keeps every value, also where rows begin inside a block") {
  for (const auto& [rows, cols] : {std::pair{3, 128}, {5, 256}, {4, 96}, {128, 1}, {2, 8640}, {64, 100}}) {
    const auto values = ternary(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols), 0.37f);
    const auto bytes = encoded(values, rows, cols);
    REQUIRE(decoded(bytes, rows, cols) == values);
    REQUIRE(kFormat.check(bytes, rows, cols).empty());
    for (std::int64_t e = 0; e < rows * cols; ++e)
      REQUIRE(0.37f * static_cast<float>(i2_s::code_at(bytes.data(), e) - 1) == values[static_cast<std::size_t>(e)]);
  }
}

TEST_CASE("I2_S sizes") {
  REQUIRE(kFormat.byte_size(2560, 2560) == 1638432u);
  REQUIRE(kFormat.byte_size(6912, 2560) == 4423712u);
  REQUIRE(!kFormat.byte_size(1, 100));
  REQUIRE(!kFormat.byte_size(0, 128));
  REQUIRE(!kFormat.byte_size(std::int64_t{1} << 40, std::int64_t{1} << 40));
}

TEST_CASE("I2_S names the row and column of an illegal code wherever it is") {
  constexpr std::int64_t kRows = 35, kCols = 256;  // more than two of the kilobytes that are looked at at once
  const auto good = encoded(ternary(kRows * kCols, 1.0f), kRows, kCols);
  REQUIRE(i2_s::find_illegal(good, kRows * kCols) == -1);
  for (std::int64_t e = 0; e < kRows * kCols; ++e) {
    auto bytes = good;
    const auto at = static_cast<std::size_t>(32 * (e / 128) + e % 32);
    bytes[at] |= static_cast<std::byte>(3u << (6 - 2 * (e % 128 / 32)));
    REQUIRE(i2_s::find_illegal(bytes, kRows * kCols) == e);
    REQUIRE(kFormat.check(bytes, kRows, kCols) ==
            "illegal 2-bit code 3 at row " + std::to_string(e / kCols) + ", column " + std::to_string(e % kCols));
  }
}

TEST_CASE("I2_S refuses scales that are not finite and above zero") {
  auto bytes = encoded(ternary(128, 1.0f), 1, 128);
  for (const float bad : {0.0f, -1.0f, std::nanf(""), std::numeric_limits<float>::infinity()}) {
    std::memcpy(bytes.data() + 32, &bad, sizeof bad);
    REQUIRE(kFormat.check(bytes, 1, 128).find("scale") == 0);
  }
}

TEST_CASE("I2_S encodes ternary values only") {
  std::vector<float> values(128, 1.0f);
  values[7] = 0.5f;
  std::vector<std::byte> bytes(64);
  REQUIRE_THROWS_WITH(kFormat.encode(values, 1, 128, bytes),
                      "I2_S holds -s, 0 and s only: 0.5 at row 0, column 7 is neither 0 nor +-1");
  values[7] = std::nanf("");
  REQUIRE_THROWS_AS(kFormat.encode(values, 1, 128, bytes), bh::Error);
  const std::vector<std::uint8_t> codes(100, 1);
  REQUIRE_THROWS_AS(i2_s::pack(codes, 1.0f, bytes), bh::Error);
  REQUIRE(decoded(encoded(std::vector<float>(128), 1, 128), 1, 128) == std::vector<float>(128));
}
