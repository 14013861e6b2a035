#include "engine/base/float_types.h"

#include <cmath>
#include <limits>

#include "tests/support/catch.h"

TEST_CASE("every half survives the way to float and back") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = bh::half_to_float(half);
    if (std::isnan(value)) {
      REQUIRE((bh::float_to_half(value) & 0x7e00) == 0x7e00);
    } else {
      REQUIRE(bh::float_to_half(value) == half);
    }
  }
}

TEST_CASE("known halves") {
  REQUIRE(bh::half_to_float(0x3c00) == 1.0f);
  REQUIRE(bh::half_to_float(0xc000) == -2.0f);
  REQUIRE(bh::half_to_float(0x7bff) == 65504.0f);
  REQUIRE(bh::half_to_float(0x0001) == 0x1p-24f);
  REQUIRE(bh::float_to_half(65519.99f) == 0x7bff);
  REQUIRE(bh::float_to_half(65520.0f) == 0x7c00);             // ties to even, upwards to infinity
  REQUIRE(bh::float_to_half(1.0f + 0x1p-11f) == 0x3c00);      // tie, down to even
  REQUIRE(bh::float_to_half(1.0f + 3 * 0x1p-11f) == 0x3c02);  // tie, up to even
  REQUIRE(bh::float_to_half(0x1p-25f) == 0x0000);             // tie between 0 and the smallest subnormal
  REQUIRE(bh::float_to_half(0x1.8p-25f) == 0x0001);
  REQUIRE(bh::float_to_half(-std::numeric_limits<float>::infinity()) == 0xfc00);
}

TEST_CASE("bfloat16 rounds to nearest even and keeps NaN") {
  REQUIRE(bh::float_to_bf16(1.0f) == 0x3f80);
  REQUIRE(bh::float_to_bf16(1.0f + 0x1p-8f) == 0x3f80);
  REQUIRE(bh::float_to_bf16(1.0f + 3 * 0x1p-8f) == 0x3f82);
  REQUIRE(std::isnan(bh::bf16_to_float(bh::float_to_bf16(std::numeric_limits<float>::quiet_NaN()))));
}
