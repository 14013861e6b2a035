// What screens a large LM head (screened_head.h), on every instruction set that this machine can run: sums and bounds
// against their definitions and the scalar ones, guards behind every output.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <random>
#include <vector>

#include "engine/cpu/kernels.h"
#include "tests/support/catch.h"
#include "tests/support/kernels.h"

using namespace bh::engine;
using namespace bh::test;

TEST_CASE("screening sums equal the definition on every instruction set") {
  std::mt19937 random(4);
  std::int64_t groups = 0;
  for (const std::int64_t cols : {64, 128, 192, 320, 640, 1024}) {  // 1 to 16 tiles of AMX
    for (const std::int64_t tokens : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17}) {
      for (const bool extreme : {false, true}) {  // where int16 sums would wrap
        groups = groups % 3 + 1;
        const std::int64_t steps = cols / kScreenCols;
        std::vector<std::uint8_t> codes(static_cast<std::size_t>(groups * steps * kScreenStepBytes), 0xff);
        std::vector<std::int8_t> planes(static_cast<std::size_t>(tokens * 2 * cols));
        if (!extreme) std::generate(codes.begin(), codes.end(), [&] { return static_cast<std::uint8_t>(random()); });
        for (std::size_t i = 0; i < planes.size(); ++i) {
          const int limit = i / static_cast<std::size_t>(cols) % 2 == 0 ? kScreenHigh : kScreenLow;
          const int any = static_cast<int>(random() % static_cast<unsigned>(2 * limit + 1)) - limit;
          planes[i] = static_cast<std::int8_t>(!extreme ? any : random() % 8 == 0 ? -limit : limit);
        }
        const std::size_t count = static_cast<std::size_t>(groups * tokens * 2 * kGroupRows);
        const auto run = [&](const ScreenKernels& kernels) {
          std::vector<std::int32_t> sums(count + 16, 77);
          kernels.multiply({codes.data(), groups, steps, planes.data(), tokens, sums.data()});
          return sums;
        };
        const auto expected = run(*scalar().screen);
        for (std::size_t i = count; i < expected.size(); ++i) REQUIRE(expected[i] == 77);
        if (extreme) REQUIRE(expected.front() > 30 * cols * (kScreenLimit + kScreenOffset));
        for (const BoundKernels& kernels : usable_kernels()) {
          INFO(kernels.screen_isa << ", " << cols << " columns, " << tokens << " tokens, extreme " << extreme);
          REQUIRE(run(*kernels.screen) == expected);
          REQUIRE(run(*kernels.screen_few) == expected);
        }
      }
    }
  }
}

TEST_CASE("bounds of logits hold, and equal the scalar ones to the bit") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kAwkward[] = {0.0f, 1e-45f, 1e37f, 3.4e38f, kInfinity, std::numeric_limits<float>::quiet_NaN()};
  std::mt19937 random(5);
  std::uniform_real_distribution<float> unit(0.0f, 1.0f);
  for (const std::int64_t groups : {1, 2, 3, 5}) {
    for (const double norm : {0.0, 1.0, 300.0, 6e40}) {
      const std::int64_t stride = 3 * kGroupRows;
      const auto rows = static_cast<std::size_t>(groups * kGroupRows);
      std::vector<std::int32_t> sums(static_cast<std::size_t>(groups * stride));
      for (auto& sum : sums) sum = static_cast<std::int32_t>(random() % 20000001) - 10000000;
      std::vector<ScreenBounds> bounds(static_cast<std::size_t>(groups));
      for (ScreenBounds& group : bounds) {
        for (std::int64_t r = 0; r < kGroupRows; ++r) {
          group.scale[r] = 0.01f * unit(random);
          group.of_input[r] = random() % 8 == 0 ? kAwkward[random() % std::size(kAwkward)] : unit(random);
          group.of_residue[r] = random() % 8 == 0 ? kAwkward[random() % std::size(kAwkward)] : unit(random);
        }
      }
      const double offset = 12345.0, step = 1e-3, residue_norm = norm * 1e-2;
      struct Result {
        std::vector<float> upper;
        std::vector<double> lower, largest_lower;
        float largest_upper;
      };
      const auto run = [&](const ScreenKernels& kernels) {
        Result result{std::vector<float>(rows + 1, 77.0f), std::vector<double>(rows + 1, 77.0),
                      std::vector<double>(static_cast<std::size_t>(groups) + 1, 77.0), 0.0f};
        result.largest_upper =
            kernels.bound({sums.data(), stride, bounds.data(), groups, offset, step, norm, residue_norm,
                           result.upper.data(), result.lower.data(), result.largest_lower.data()});
        return result;
      };
      const Result expected = run(*scalar().screen);
      CHECK(expected.upper.back() == 77.0f);
      CHECK(expected.lower.back() == 77.0);
      CHECK(expected.largest_lower.back() == 77.0);
      CHECK(expected.largest_upper == *std::max_element(expected.upper.begin(), expected.upper.end() - 1));
      for (std::size_t i = 0; i < rows; ++i) {
        const std::size_t group = i / kGroupRows, r = i % kGroupRows;
        const std::int32_t* const of_group = sums.data() + group * static_cast<std::size_t>(stride);
        const double product = 64.0 * of_group[r] + of_group[r + kGroupRows] - offset;
        const double near = static_cast<double>(bounds[group].scale[r]) * step * product;
        const auto of_input = static_cast<double>(bounds[group].of_input[r]);
        const auto of_residue = static_cast<double>(bounds[group].of_residue[r]);
        const double error = of_input * norm + of_residue * residue_norm;
        // Where the full head's sums may overflow, or the row is not finite, nothing may be said of the logit.
        const bool judged = (of_input + of_residue) * norm < 1e37;
        CHECK(static_cast<double>(expected.upper[i]) >= (judged ? near + error : std::numeric_limits<double>::max()));
        CHECK(expected.lower[i] <= (judged ? near - error : std::numeric_limits<double>::lowest()));
        if (!judged) continue;
        const double rounding = 2e-6 * (std::abs(near) + error) + 1e-29;
        CHECK(static_cast<double>(expected.upper[i]) <= near + error + rounding);
        CHECK(expected.lower[i] >= near - error - rounding);
      }
      for (const BoundKernels& kernels : usable_kernels()) {
        INFO(kernels.screen_isa << ", " << groups << " groups, norm " << norm);
        const Result result = run(*kernels.screen);
        CHECK(same_bits(result.upper, expected.upper));
        CHECK(result.lower == expected.lower);
        CHECK(result.largest_lower == expected.largest_lower);
        CHECK(result.largest_upper == expected.largest_upper);
      }
    }
  }
}
