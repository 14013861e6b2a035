// Every kernel row that this machine can run, against the scalar one: integer kernels and float kernels alike are equal
// to the bit. Lengths of 0 to 2 vectors and primes, misaligned and extreme values, guards behind every output.
#include "engine/cpu/kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <vector>

#include "engine/base/float_types.h"
#include "engine/base/host.h"
#include "engine/cpu/kernel_table.h"
#include "engine/cpu/packed_ternary.h"
#include "tests/support/catch.h"
#include "tests/support/kernels.h"

using namespace bh::engine;
using namespace bh::test;

TEST_CASE("ternary products equal the definition on every instruction set") {
  std::mt19937 random(1);
  for (const std::int64_t cols : {1, 4, 15, 16, 17, 64, 100, 127, 128, 256, 640, 1031, 6912}) {
    for (const std::int64_t tokens : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 24, 39, 55, 64}) {
      for (const bool extreme : {false, true}) {  // all codes 2 and all activations 127: where int16 sums would wrap
        const std::int64_t groups = 1 + (cols + tokens) % 3, steps = round_up(cols, kStepCols) / kStepCols;
        const std::int64_t stride = round_up(cols, kPad);
        std::vector<std::uint8_t> weights(static_cast<std::size_t>(groups * steps * kStepBytes + 1));
        // What lies behind the last activation is read and must not count.
        std::vector<std::int8_t> codes(static_cast<std::size_t>(tokens * stride + kPad + 1), 0);
        std::fill(codes.end() - kPad, codes.end(), std::int8_t{99});
        for (auto& byte : weights) {
          byte = 0;
          for (int f = 0; f < 4; ++f) byte |= static_cast<std::uint8_t>((extreme ? 2 : random() % 3) << (2 * f));
        }
        for (std::int64_t t = 0; t < tokens; ++t) {
          for (std::int64_t i = 0; i < cols; ++i) {
            codes[static_cast<std::size_t>(1 + t * stride + i)] =
                static_cast<std::int8_t>(extreme ? (t % 2 ? -127 : 127) : static_cast<int>(random() % 255) - 127);
          }
        }
        const std::size_t count = static_cast<std::size_t>(groups * tokens * kGroupRows);
        const std::int64_t trit_steps = packed_steps(steps * kStepCols, TernaryLayout::trits);
        std::vector<std::uint8_t> trits(static_cast<std::size_t>(groups * trit_steps * kStepBytes + 1));
        for (std::int64_t group = 0; group < groups; ++group) {
          pack_trits(weights.data() + 1 + group * steps * kStepBytes, steps,
                     trits.data() + 1 + group * trit_steps * kStepBytes);
        }
        const std::vector<float> y(tokens % 2 == 1 ? count : 0);  // may be fetched, not touched
        const auto run = [&](TernaryKernel kernel, TernaryLayout layout, bool unpack_once = false) {
          std::vector<std::int32_t> sums(count + 16, 77);
          const bool two_bits = layout == TernaryLayout::two_bits;
          kernel({(two_bits ? weights : trits).data() + 1, groups, two_bits ? steps : trit_steps, codes.data() + 1,
                  stride, tokens, sums.data(), y.empty() ? nullptr : y.data(), groups * kGroupRows, unpack_once});
          return sums;
        };
        const auto expected = run(scalar().ternary, TernaryLayout::two_bits);
        for (std::size_t i = count; i < expected.size(); ++i) REQUIRE(expected[i] == 77);
        for (const BoundKernels& kernels : usable_kernels()) {
          INFO(kernels.ternary_name << ", " << cols << " columns, " << tokens << " tokens, extreme " << extreme);
          for (const bool unpack_once : {false, true}) {
            REQUIRE(run(kernels.ternary, kernels.layout, unpack_once) == expected);
            REQUIRE(run(kernels.ternary_few, kernels.layout, unpack_once) == expected);
          }
        }
      }
    }
  }
}

TEST_CASE("ternary sums of the widest rows that a model may have are exact") {
  constexpr std::int64_t kCols = std::int64_t{1} << 19, kSteps = kCols / kStepCols;
  const std::vector<std::uint8_t> two_bits(kSteps * kStepBytes, 0xaa);  // codes 2
  std::vector<std::uint8_t> trits(static_cast<std::size_t>(packed_bytes(kGroupRows, kCols, TernaryLayout::trits)));
  pack_trits(two_bits.data(), kSteps, trits.data());
  const std::vector<std::int8_t> codes(6 * kCols + kPad, -127);
  for (const BoundKernels& kernels : usable_kernels()) {
    const std::vector<std::uint8_t>& weights = kernels.layout == TernaryLayout::trits ? trits : two_bits;
    for (const std::int64_t tokens : {1, 6}) {
      INFO(kernels.ternary_name << ", " << tokens << " tokens");
      std::vector<std::int32_t> sums(static_cast<std::size_t>(tokens * kGroupRows));
      kernels.ternary_few(
          {weights.data(), 1, packed_steps(kCols, kernels.layout), codes.data(), kCols, tokens, sums.data()});
      REQUIRE(sums == std::vector<std::int32_t>(sums.size(), -254 * static_cast<int>(kCols)));
    }
  }
}

TEST_CASE("the packed layout means what kernels.h says") {
  // Row r, column c of one group: code (r + c) % 3; the activation is 1 at one column only.
  const std::int64_t steps = 3;
  std::vector<std::uint8_t> weights(static_cast<std::size_t>(steps * kStepBytes), 0);
  for (std::int64_t r = 0; r < kGroupRows; ++r) {
    for (std::int64_t c = 0; c < steps * kStepCols; ++c) {
      const std::int64_t f = c % 16 / 4, j = c % 4;
      weights[static_cast<std::size_t>(c / 16 * kStepBytes + 4 * r + j)] |=
          static_cast<std::uint8_t>((r + c) % 3 << (2 * f));
    }
  }
  for (std::int64_t c = 0; c < steps * kStepCols; ++c) {
    std::vector<std::int8_t> codes(64, 0);
    codes[static_cast<std::size_t>(c)] = 1;
    std::vector<std::int32_t> sums(16);
    scalar().ternary({weights.data(), 1, steps, codes.data(), 64, 1, sums.data()});
    for (std::int64_t r = 0; r < kGroupRows; ++r) REQUIRE(sums[static_cast<std::size_t>(r)] == (r + c) % 3);
  }
}

TEST_CASE("float products equal the scalar ones to the bit") {
  std::mt19937 random(2);
  for (const TensorType type :
       {TensorType::f32, TensorType::f16, TensorType::bf16, TensorType::q8_0, TensorType::q6_k}) {
    const WeightFormat& format = weight_format(type);
    for (const std::int64_t units : {1, 2, 3, 5, 17, 97}) {
      const std::int64_t cols = units * format.block_cols, rows = 3, padded = round_up(cols, kPad);
      std::vector<float> source = awkward_floats(rows * cols, rows * cols, static_cast<unsigned>(units));
      std::vector<std::byte> weights(static_cast<std::size_t>(*format.byte_size(rows, cols)));
      format.encode(source, rows, cols, weights);
      for (const std::int64_t tokens : {1, 2, 4, 7}) {
        std::vector<float> x;
        for (std::int64_t t = 0; t < tokens; ++t) {
          const auto row = awkward_floats(cols, padded, 100 + static_cast<unsigned>(t));
          x.insert(x.end(), row.begin(), row.end());
        }
        const auto run = [&](DenseKernel kernel) {
          std::vector<float> y(static_cast<std::size_t>(tokens * (rows + 1)), kGuard);
          kernel({weights.data(), static_cast<std::int64_t>(weights.size()) / rows, rows, cols, x.data(), padded,
                  tokens, y.data(), rows + 1});
          return y;
        };
        const auto expected = run(dense_kernel(*scalar().dense, type));
        for (std::int64_t t = 0; t < tokens; ++t) {
          REQUIRE(expected[static_cast<std::size_t>(t * (rows + 1) + rows)] == kGuard);
          std::vector<float> decoded(static_cast<std::size_t>(cols));
          format.decode_row(weights, rows, cols, 1, decoded);
          double exact = 0.0, magnitude = 0.0;
          for (std::int64_t i = 0; i < cols; ++i) {
            const double product = static_cast<double>(decoded[static_cast<std::size_t>(i)]) *
                                   static_cast<double>(x[static_cast<std::size_t>(t * padded + i)]);
            exact += product;
            magnitude += std::abs(product);
          }
          REQUIRE(std::abs(expected[static_cast<std::size_t>(t * (rows + 1) + 1)] - exact) <= 1e-5 * magnitude + 1e-30);
        }
        for (const BoundKernels& kernels : usable_kernels()) {
          INFO(format.name << " " << kernels.dense_isa << ", " << cols << " columns, " << tokens << " tokens");
          REQUIRE(same_bits(run(dense_kernel(*kernels.dense, type)), expected));
        }
      }
    }
  }
}

TEST_CASE("norms and activation codes equal the scalar ones to the bit") {
  for (const std::int64_t n : {1, 2, 15, 16, 63, 64, 65, 100, 127, 256, 1031, 2560}) {
    const std::int64_t padded = round_up(n, kPad);
    const auto x = awkward_floats(n, padded, static_cast<unsigned>(n)), weight = awkward_floats(n, padded, 7);
    const auto norm = [&](const BoundKernels& kernels) {
      std::vector<float> y(static_cast<std::size_t>(padded + 1), kGuard);
      kernels.floats->rms_norm(x.data(), weight.data(), n, 1e-5f, y.data());
      return y;
    };
    struct Codes {
      std::vector<std::int8_t> codes;
      float scale;
      std::int32_t sum;
      bool operator==(const Codes&) const = default;
    };
    const auto quantize = [&](const BoundKernels& kernels) {
      Codes result{std::vector<std::int8_t>(static_cast<std::size_t>(padded + 1), 99), 0.0f, 0};
      kernels.floats->quantize(x.data(), padded, result.codes.data(), &result.scale, &result.sum);
      return result;
    };
    const auto expected_norm = norm(scalar());
    const auto expected_codes = quantize(scalar());
    REQUIRE(expected_norm.back() == kGuard);
    REQUIRE(expected_codes.codes.back() == 99);
    REQUIRE(expected_codes.sum == std::accumulate(expected_codes.codes.begin(), expected_codes.codes.end() - 1, 0));
    const auto norm_and_quantize = [&](const BoundKernels& kernels) {
      Codes result{std::vector<std::int8_t>(static_cast<std::size_t>(padded + 1), 99), 0.0f, 0};
      kernels.floats->norm_and_quantize(x.data(), weight.data(), n, 1e-5f, result.codes.data(), &result.scale,
                                        &result.sum);
      return result;
    };
    Codes expected_fused{std::vector<std::int8_t>(static_cast<std::size_t>(padded + 1), 99), 0.0f, 0};
    scalar().floats->quantize(expected_norm.data(), padded, expected_fused.codes.data(), &expected_fused.scale,
                              &expected_fused.sum);
    for (const BoundKernels& kernels : usable_kernels()) {
      INFO(kernels.float_isa << ", " << n << " values");
      REQUIRE(same_bits(norm(kernels), expected_norm));
      REQUIRE(quantize(kernels) == expected_codes);
      REQUIRE(norm_and_quantize(kernels) == expected_fused);
    }
  }
}

TEST_CASE("activation quantization follows the reference's vectors") {
  for (const BoundKernels& kernels : usable_kernels()) {
    for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      std::vector<float> row(64, 1.0f);
      row[5] = bad;
      std::vector<std::int8_t> row_codes(64, 9);
      float row_scale = 0.0f;
      std::int32_t row_sum = 1;
      kernels.floats->norm_and_quantize(row.data(), row.data(), 64, 1e-5f, row_codes.data(), &row_scale, &row_sum);
      REQUIRE(std::isnan(row_scale));
      REQUIRE(row_sum == 0);
      REQUIRE(row_codes == std::vector<std::int8_t>(64, 0));
    }
    std::vector<std::int8_t> codes(128);
    float scale = 0.0f;
    std::int32_t sum = 0;
    std::vector<float> x(128, 0.0f);
    kernels.floats->quantize(x.data(), 128, codes.data(), &scale, &sum);
    REQUIRE(scale == 1.27e7f);
    REQUIRE(sum == 0);

    const float values[] = {127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f};
    const int expected[] = {127, 0, 2, 2, 0, -2, -2, 126};
    std::copy(std::begin(values), std::end(values), x.begin());
    kernels.floats->quantize(x.data(), 128, codes.data(), &scale, &sum);
    REQUIRE(scale == 1.0f);
    for (std::size_t i = 0; i < 8; ++i) REQUIRE(codes[i] == expected[i]);

    for (int i = 0; i < 128; ++i) x[static_cast<std::size_t>(i)] = static_cast<float>((37 * i) % 255 - 127) / 64.0f;
    kernels.floats->quantize(x.data(), 128, codes.data(), &scale, &sum);
    REQUIRE(scale == 64.0f);
    REQUIRE(sum == -100);

    for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      x[5] = bad;
      kernels.floats->quantize(x.data(), 128, codes.data(), &scale, &sum);
      REQUIRE(std::isnan(scale));
      REQUIRE(sum == 0);
    }
  }
}

TEST_CASE("a scaled ternary product gives the reference's value") {
  // w[i] = 0.5 * (i % 3 - 1), x_i = (37 i % 255 - 127) / 64: ternary dot 103, y = 103 / 64 * 0.5.
  for (const BoundKernels& kernels : usable_kernels()) {
    std::vector<std::int32_t> sums(16, 3);
    const float activation_scale = 64.0f;
    const std::int32_t code_sum = -100;
    std::vector<float> y(16, 1.0f);
    kernels.floats->scale_sums(
        {sums.data(), 1, 1, &activation_scale, &code_sum, 0.5f, 1.0f, Combine::set, y.data(), 16});
    REQUIRE(y[0] == 0.8046875f);
    kernels.floats->scale_sums(
        {sums.data(), 1, 1, &activation_scale, &code_sum, 0.5f, 2.0f, Combine::add, y.data(), 16});
    REQUIRE(y[15] == 3 * 0.8046875f);
  }
}

TEST_CASE("scaled products are quotients as a division rounds them, whatever they are combined with") {
  std::mt19937 random(12);
  constexpr std::int64_t kGroups = 2, kTokens = 3, kStride = kGroups * kGroupRows + 7;
  const std::vector<float> scales = {1.0f,   3.0f,   0.1f,   127.0f / 3.7f, 1.27e7f,  0x1.fffffep3f, 0x1.000002p-9f,
                                     1e-12f, 1e-17f, 1e-19f, 1e-30f,        3.8e-37f, std::nanf("")};
  for (int round = 0; round < 400; ++round) {
    std::vector<std::int32_t> sums(kGroups * kTokens * kGroupRows), code_sum(kTokens);
    std::vector<float> activation_scale(kTokens);
    const int bits = 1 + round % 27;
    for (auto& sum : sums) sum = static_cast<std::int32_t>(random() % (1u << bits));
    for (auto& sum : code_sum) sum = static_cast<std::int32_t>(random() % (1u << bits)) - (1 << (bits - 1));
    for (auto& scale : activation_scale) {
      scale = round < 40
                  ? scales[random() % scales.size()]
                  : std::ldexp(1.0f + static_cast<float>(random()) * 0x1p-32f, static_cast<int>(random() % 40) - 20);
    }
    const auto before = awkward_floats(kTokens * kStride, kTokens * kStride, static_cast<unsigned>(round));
    for (const Combine combine : {Combine::set, Combine::add, Combine::squared_relu_glu, Combine::silu_glu}) {
      const float post_scale = round % 2 ? 1.0f : 0.75f;
      std::vector<float> expected = before;
      for (std::int64_t t = 0; t < kTokens; ++t) {
        for (std::int64_t i = 0; i < kGroups * kGroupRows; ++i) {
          const auto at = static_cast<std::size_t>(t * kStride + i), token = static_cast<std::size_t>(t);
          const auto sum = static_cast<std::size_t>((i / kGroupRows * kTokens + t) * kGroupRows + i % kGroupRows);
          const float dot = static_cast<float>(sums[sum]) - static_cast<float>(code_sum[token]);
          float value = dot / activation_scale[token] * 0.37f;
          if (post_scale != 1.0f) value *= post_scale;
          alignas(64) float gate[64] = {before[at]}, up[64] = {value}, z[64];
          scalar().floats->squared_relu_glu(gate, up, 64, z);
          if (combine == Combine::silu_glu) scalar().floats->silu_glu(gate, up, 64, z);
          expected[at] = combine == Combine::set ? value : combine == Combine::add ? value + before[at] : z[0];
        }
      }
      for (const BoundKernels& kernels : usable_kernels()) {
        std::vector<float> y = before;
        kernels.floats->scale_sums({sums.data(), kGroups, kTokens, activation_scale.data(), code_sum.data(), 0.37f,
                                    post_scale, combine, y.data(), kStride});
        INFO(kernels.float_isa << ", round " << round << ", combined as " << static_cast<int>(combine));
        for (std::size_t i = 0; i < y.size(); ++i) {
          if (std::isnan(expected[i]) && std::isnan(y[i])) continue;
          REQUIRE(std::bit_cast<std::uint32_t>(y[i]) == std::bit_cast<std::uint32_t>(expected[i]));
        }
      }
    }
  }
}

TEST_CASE("the exponential is accurate, and equal everywhere") {
  std::vector<float> x(64 * 4096);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = -90.0f + 178.0f * static_cast<float>(i) / static_cast<float>(x.size());
  x[0] = -std::numeric_limits<float>::infinity();
  const auto run = [&](const BoundKernels& kernels) {
    std::vector<float> y(x.size());
    kernels.floats->exp(x.data(), static_cast<std::int64_t>(x.size()), y.data());
    return y;
  };
  const auto expected = run(scalar());
  REQUIRE(expected[0] == 0.0f);
  double worst = 0.0;
  for (std::size_t i = 1; i < x.size(); ++i) {
    const double exact = std::exp(static_cast<double>(x[i]));
    if (x[i] >= -87.0f) worst = std::max(worst, std::abs(expected[i] / exact - 1.0));
    if (x[i] < -87.0f) REQUIRE(expected[i] == 0.0f);
  }
  REQUIRE(worst < 2e-7);
  for (const BoundKernels& kernels : usable_kernels()) REQUIRE(same_bits(run(kernels), expected));
}

TEST_CASE("quotients, rotations and halves equal the scalar ones to the bit, whatever the length") {
  for (const std::int64_t n : {1, 15, 16, 17, 50, 64, 100}) {
    constexpr std::int64_t kHeads = 3;
    auto x = awkward_floats(2 * n * kHeads, 2 * n * kHeads, 13);
    const auto cos = awkward_floats(n, n, 14), sin = awkward_floats(n, n, 15);
    const auto rotate = [&](const BoundKernels& kernels) {
      std::vector<float> y = x;
      y.push_back(kGuard);
      kernels.floats->rotate_halves(y.data(), kHeads, n, cos.data(), sin.data());
      return y;
    };
    const auto rotated = rotate(scalar());
    REQUIRE(rotated.back() == kGuard);
    REQUIRE(rotated[0] == x[0] * cos[0] - x[static_cast<std::size_t>(n)] * sin[0]);
    // Rounding of halves: ties, what is too small or too large, and what is no number.
    const float odd[] = {0x1.002p0f, 0x1.006p0f, -0x1.002p0f, 65519.9f, 65520.0f,
                         0x1p-24f,   0x1.8p-25f, 0x1p-25f,    -0.0f,    std::numeric_limits<float>::infinity()};
    for (std::size_t i = 0; i < std::min(x.size(), std::size(odd)); ++i) x[i] = odd[i];
    const auto quotients = [&](const BoundKernels& kernels) {
      std::vector<float> y(static_cast<std::size_t>(n + 1), kGuard);
      kernels.floats->divide(x.data(), n, 3.7f, y.data());
      return y;
    };
    const auto halves = [&](const BoundKernels& kernels) {
      std::vector<std::uint16_t> y(static_cast<std::size_t>(n + 1), 0x1234);
      kernels.floats->to_f16(x.data(), n, y.data());
      return y;
    };
    const auto divided = quotients(scalar());
    const auto rounded = halves(scalar());
    REQUIRE(divided.back() == kGuard);
    REQUIRE(rounded.back() == 0x1234);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) REQUIRE(divided[i] == x[i] / 3.7f);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) REQUIRE(rounded[i] == bh::float_to_half(x[i]));
    for (const BoundKernels& kernels : usable_kernels()) {
      INFO(kernels.float_isa << ", " << n << " values");
      REQUIRE(same_bits(rotate(kernels), [&] {
        std::vector<float> y = x;
        y.push_back(kGuard);
        scalar().floats->rotate_halves(y.data(), kHeads, n, cos.data(), sin.data());
        return y;
      }()));
      REQUIRE(same_bits(quotients(kernels), divided));
      REQUIRE(halves(kernels) == rounded);
    }
  }
}

TEST_CASE("gated activations equal the scalar ones to the bit") {
  const auto gate = awkward_floats(320, 320, 3), up = awkward_floats(320, 320, 4);
  const auto run = [&](auto function) {
    std::vector<float> z(321, kGuard);
    function(gate.data(), up.data(), 320, z.data());
    return z;
  };
  const auto relu = run(scalar().floats->squared_relu_glu), silu = run(scalar().floats->silu_glu);
  REQUIRE(relu.back() == kGuard);
  REQUIRE(silu.back() == kGuard);
  for (std::size_t i = 0; i < 320; ++i) {
    const double g = static_cast<double>(gate[i]), u = static_cast<double>(up[i]);
    REQUIRE(relu[i] == Approx(g > 0 ? g * g * u : 0.0).epsilon(1e-6));
    REQUIRE(silu[i] == Approx(g / (1 + std::exp(-g)) * u).epsilon(1e-6).margin(1e-12));
  }
  for (const BoundKernels& kernels : usable_kernels()) {
    REQUIRE(same_bits(run(kernels.floats->squared_relu_glu), relu));
    REQUIRE(same_bits(run(kernels.floats->silu_glu), silu));
  }
}

TEST_CASE("an unusable or unknown kernel is never replaced in silence") {
  REQUIRE_THROWS_WITH(bind_kernels("avx9"), Catch::Contains("unknown kernel"));
  REQUIRE(bind_kernels("i2_s.scalar").ternary_name == "i2_s.scalar");
  for (const KernelInfo& info : cpu_kernels()) {
    if (!info.why_unusable.empty()) REQUIRE_THROWS_WITH(bind_kernels(info.name), Catch::Contains(info.why_unusable));
  }
}

TEST_CASE("an instruction set without a row of its own takes the next lesser one's, not a better one's") {
  const std::map<std::string, std::string> lesser = {
      {"amx_int8", "avx512_vnni"}, {"avx512_vbmi", "avx512_vnni"}, {"avx_vnni", "avx2"}, {"neon_dotprod", "neon"}};
  for (const KernelInfo& info : cpu_kernels()) {
    if (info.op != to_string(Op::ternary_matmul) || !info.why_unusable.empty()) continue;
    CAPTURE(info.isa);
    const BoundKernels bound = bind_kernels(info.isa);
    CHECK(bound.ternary_name == info.name);
    CHECK(bound.dense_isa == (lesser.count(info.isa) > 0 ? lesser.at(info.isa) : info.isa));
    CHECK(bound.float_isa == bound.dense_isa);
    CHECK(bound.screen_few_isa == (info.isa == "amx_int8" ? "avx512_vnni" : bound.screen_isa));
  }
#if defined(__x86_64__)
  bh::HostFacts host;
  host.features.avx2 = host.features.avx_vnni = host.features.avx512_vnni = true;
  CHECK(bind_kernels({}, host).dense_isa == "avx512_vnni");
  CHECK(bind_kernels({}, host).layout == TernaryLayout::two_bits);
  host.features.avx512_vbmi = true;
  CHECK(bind_kernels({}, host).ternary_name == "i2_s.avx512_vbmi");
  CHECK(bind_kernels({}, host).layout == TernaryLayout::trits);
  CHECK(bind_kernels({}, host).float_isa == "avx512_vnni");
  CHECK(bind_kernels("avx512_vbmi", host).layout == TernaryLayout::trits);
  CHECK(bind_kernels("avx512_vnni", host).layout == TernaryLayout::two_bits);
  const BoundKernels forced = bind_kernels("avx_vnni", host);
  CHECK(forced.ternary_name == "i2_s.avx_vnni");
  CHECK(forced.screen_isa == "avx_vnni");
  CHECK(forced.dense_isa == "avx2");
  CHECK(forced.float_isa == "avx2");
  CHECK(bind_kernels("i2_s.avx_vnni", host).dense_isa == "avx512_vnni");
  CHECK(bind_kernels({}, host).unpack_once);
  host.amd = true;
  CHECK_FALSE(bind_kernels({}, host).unpack_once);
#endif
}
