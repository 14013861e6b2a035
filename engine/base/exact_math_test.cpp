#include "engine/base/exact_math.h"

#include <cmath>

#include "tests/support/catch.h"

TEST_CASE("our elementary functions agree with libm") {
  for (int i = -4000; i <= 4000; ++i) {
    const double x = i * 0.0173;
    REQUIRE(std::abs(bh::exact_exp(x) / std::exp(x) - 1.0) < 2e-15);
    const bh::SinCos near = bh::exact_sincos(x), far = bh::exact_sincos(x * 15000.0);
    REQUIRE(std::abs(near.sin - std::sin(x)) < 1e-15);
    REQUIRE(std::abs(near.cos - std::cos(x)) < 1e-15);
    REQUIRE(std::abs(far.sin - std::sin(x * 15000.0)) < 1e-15);
    REQUIRE(std::abs(far.cos - std::cos(x * 15000.0)) < 1e-15);
  }
  for (double x = 1e-6; x < 1e9; x *= 1.37) {
    REQUIRE(std::abs(bh::exact_log(x) - std::log(x)) <= 4e-16 * std::abs(std::log(x)) + 1e-16);
    REQUIRE(std::abs(bh::exact_pow(x, -0.37) / std::pow(x, -0.37) - 1.0) < 1e-14);
  }
  REQUIRE(bh::exact_pow(500000.0, 0.0) == 1.0);
}
