#include "engine/model/ternary_values.h"

#include <cmath>
#include <random>

#include "engine/base/aligned_buffer.h"
#include "engine/base/error.h"
#include "engine/base/float_types.h"
#include "engine/model/ternary.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::engine;

namespace {

TernaryValues random_values(std::mt19937& random, std::size_t size, double density, float scale) {
  TernaryValues values;
  values.scale = scale;
  std::bernoulli_distribution nonzero(density), positive(0.5);
  for (std::size_t i = 0; i < size; ++i)
    values.codes.push_back(static_cast<std::uint8_t>(nonzero(random) ? (positive(random) ? 2 : 0) : 1));
  return values;
}

/// What online quantization makes of a master.
TernaryValues ternarised(std::span<const std::uint16_t> master, std::int64_t rows, std::int64_t cols) {
  const auto buffer = ternarise(weight_format(TensorType::bf16), std::as_bytes(master), rows, cols, "master");
  const Matrix matrix{"blk.0.attn_v.weight", &weight_format(TensorType::i2_s), rows, cols, buffer.span(), 1.0f};
  return *ternary_values(Config{}, matrix);
}

}  // namespace

TEST_CASE("a master gives its codes and its scale back, whatever the share of zeros") {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> exponent(-9, 3);
  for (const double density : {0.001, 0.1, 0.5, 0.67, 0.999, 1.0}) {
    for (int i = 0; i < 8; ++i) {
      TernaryValues values = random_values(random, 64 * 256, density, std::exp2(exponent(random)));
      values.codes[5] = 2;  // at least one is not zero
      std::vector<std::uint16_t> master(values.codes.size());
      fill_master(values, master, "test");
      const TernaryValues again = ternarised(master, 64, 256);
      CAPTURE(density, values.scale);
      CHECK(again.codes == values.codes);
      CHECK(again.scale == round_to(TensorType::bf16, values.scale));
    }
  }
}

TEST_CASE("a master of zeros is zero, and a scale too small for online quantization is refused") {
  TernaryValues values{std::vector<std::uint8_t>(256, 1), 0.5f};
  std::vector<std::uint16_t> master(256, 7);
  fill_master(values, master, "test");
  CHECK(master == std::vector<std::uint16_t>(256, 0));
  values.codes[0] = 0;
  values.scale = 1e-6f;
  CHECK_THROWS_WITH(fill_master(values, master, "blk.9"), Catch::Contains("blk.9") && Catch::Contains("packed"));
}

TEST_CASE("floats are ternary where they are 0 and +-s, and nothing else is") {
  std::vector<float> values(128, 0.0f);
  values[3] = 0.25f;
  values[77] = -0.25f;
  Matrix matrix{"token_embd.weight", &weight_format(TensorType::f32), 1, 128, std::as_bytes(std::span(values)), 2.0f};
  const auto ternary = ternary_values(Config{}, matrix);
  REQUIRE(ternary);
  CHECK(ternary->scale == 0.5f);  // a ".scale" tensor of 2 is multiplied in
  CHECK(ternary->codes[3] == 2);
  CHECK(ternary->codes[77] == 0);
  CHECK(ternary->codes[0] == 1);
  values[9] = 0.125f;
  CHECK_FALSE(ternary_values(Config{}, matrix));
  values[9] = std::nanf("");
  CHECK_FALSE(ternary_values(Config{}, matrix));
}

TEST_CASE("rounding to a float type is to nearest even") {
  CHECK(round_to(TensorType::f32, 1.1f) == 1.1f);
  CHECK(round_to(TensorType::bf16, 1.0f + 0x1p-8f) == 1.0f);
  CHECK(round_to(TensorType::bf16, 1.0f + 0x1.8p-8f) == 1.0f + 0x1p-7f);
  CHECK(round_to(TensorType::f16, 1.0f + 0x1p-11f) == 1.0f);
  CHECK_THROWS_AS(round_to(TensorType::i2_s, 1.0f), Error);
}
