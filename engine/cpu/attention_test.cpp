// Attention of every instruction set that this machine can run: equal to the scalar one to the bit, close to the exact
// one, and the same for rows together and alone.
#include <cmath>
#include <random>
#include <vector>

#include "engine/base/float_types.h"
#include "tests/support/catch.h"
#include "tests/support/kernels.h"

using namespace bh::engine;
using namespace bh::test;

TEST_CASE("attention equals the scalar one to the bit, and the exact one closely") {
  for (const std::int64_t head_dim : {16, 64, 100, 128}) {
    for (const std::int64_t heads : {1, 2, 4, 5}) {
      for (const std::int64_t count : {1, 2, 15, 16, 17, 255, 256}) {
        const std::int64_t stride = round_up(head_dim, 16), n_ctx = kAttentionBlock;
        const auto q = awkward_floats(heads * head_dim, heads * head_dim, 5);
        const auto k = awkward_floats(n_ctx * head_dim, n_ctx * head_dim, 6);
        const auto v = awkward_floats(n_ctx * head_dim, n_ctx * head_dim, 8);
        std::vector<std::uint16_t> keys(static_cast<std::size_t>(n_ctx * head_dim), 0x7e00);  // NaN where never written
        std::vector<std::uint16_t> values(static_cast<std::size_t>(n_ctx * stride), 0);
        for (std::int64_t p = 0; p < count; ++p) {
          for (std::int64_t d = 0; d < head_dim; ++d) {
            const auto at = static_cast<std::size_t>(p * head_dim + d);
            keys[static_cast<std::size_t>((p / 16 * head_dim + d) * 16 + p % 16)] = bh::float_to_half(k[at]);
            values[static_cast<std::size_t>(p * stride + d)] = bh::float_to_half(v[at]);
          }
        }
        const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
        const auto run = [&](const BoundKernels& kernels) {
          std::vector<float> out(static_cast<std::size_t>(heads * stride + 2 * heads + 1), kGuard);
          float* max = out.data() + heads * stride;
          kernels.floats->attention_block({.q = q.data(),
                                           .rows = 1,
                                           .q_stride = 0,
                                           .heads = heads,
                                           .head_dim = head_dim,
                                           .keys = keys.data(),
                                           .values = values.data(),
                                           .value_stride = stride,
                                           .count = count,
                                           .more = 1,
                                           .scale = scale,
                                           .out = out.data(),
                                           .max = max,
                                           .sum = max + heads,
                                           .out_stride = 0});
          return out;
        };
        const auto expected = run(scalar());
        REQUIRE(expected.back() == kGuard);
        for (std::int64_t h = 0; h < heads; ++h) {
          std::vector<double> weights;
          double sum = 0.0, peak = -1e300;
          for (std::int64_t p = 0; p < count; ++p) {
            double score = 0.0;
            for (std::int64_t d = 0; d < head_dim; ++d) {
              score += static_cast<double>(q[static_cast<std::size_t>(h * head_dim + d)]) *
                       static_cast<double>(
                           bh::half_to_float(bh::float_to_half(k[static_cast<std::size_t>(p * head_dim + d)])));
            }
            weights.push_back(score * static_cast<double>(scale));
            peak = std::max(peak, weights.back());
          }
          for (double& weight : weights) sum += weight = std::exp(weight - peak);
          double out = 0.0;
          for (std::int64_t p = 0; p < count; ++p) {
            out += weights[static_cast<std::size_t>(p)] *
                   static_cast<double>(bh::half_to_float(values[static_cast<std::size_t>(p * stride + 1)]));
          }
          const auto total = static_cast<double>(expected[static_cast<std::size_t>(heads * stride + heads + h)]);
          REQUIRE(static_cast<double>(expected[static_cast<std::size_t>(h * stride + 1)]) / total ==
                  Approx(out / sum).epsilon(2e-4).margin(2e-4));
        }
        for (const BoundKernels& kernels : usable_kernels()) {
          INFO(kernels.float_isa << ", head size " << head_dim << ", " << heads << " heads, " << count << " positions");
          REQUIRE(same_bits(run(kernels), expected));
        }
      }
    }
  }
}

TEST_CASE("rows that attend together get the bits of each alone") {
  struct Shape {
    std::int64_t count, more;
  };
  for (const std::int64_t head_dim : {16, 100}) {
    for (const std::int64_t heads : {1, 3, 4}) {
      for (const std::int64_t rows : {2, 3, 4}) {
        for (const auto& [count, more] : {Shape{1, 1}, {13, 1}, {16, 1}, {30, 0}, {253, 1}, {256, 0}}) {
          if (count + (rows - 1) * more > kAttentionBlock) continue;
          const std::int64_t stride = round_up(head_dim, 16), q_stride = heads * head_dim + 5;
          const std::int64_t out_stride = heads * (stride + 2) + 3;
          const auto q = awkward_floats(rows * q_stride, rows * q_stride, 5);
          std::vector<std::uint16_t> keys(static_cast<std::size_t>(kAttentionBlock * head_dim), 0x7e00);
          std::vector<std::uint16_t> values(static_cast<std::size_t>(kAttentionBlock * stride), 0x7e00);
          std::mt19937 random(9);
          const auto half = [&] { return bh::float_to_half(static_cast<float>(random()) * 0x1p-31f - 1.0f); };
          for (std::int64_t p = 0; p < count + (rows - 1) * more; ++p) {
            for (std::int64_t d = 0; d < head_dim; ++d) {
              keys[static_cast<std::size_t>((p / 16 * head_dim + d) * 16 + p % 16)] = half();
            }
            for (std::int64_t d = 0; d < stride; ++d) values[static_cast<std::size_t>(p * stride + d)] = half();
          }
          std::vector<float> scales(kAttentionBlock);
          for (float& scale : scales) scale = static_cast<float>(random()) * 0x1p-40f;
          for (const BoundKernels& kernels : usable_kernels()) {
            for (const bool int8 : {false, true}) {  // any byte is a code, too
              std::vector<float> together(static_cast<std::size_t>(rows * out_stride), kGuard), alone = together;
              const auto run = [&, seen_more = more](std::vector<float>& out, std::int64_t row, std::int64_t n,
                                                     std::int64_t seen) {
                float* const at = out.data() + row * out_stride;
                float* const max = at + heads * stride;
                (int8 ? kernels.floats->attention_block_int8
                      : kernels.floats->attention_block)({.q = q.data() + row * q_stride,
                                                          .rows = n,
                                                          .q_stride = q_stride,
                                                          .heads = heads,
                                                          .head_dim = head_dim,
                                                          .keys = keys.data(),
                                                          .values = values.data(),
                                                          .value_stride = stride,
                                                          .count = seen,
                                                          .more = seen_more,
                                                          .scale = 0.125f,
                                                          .out = at,
                                                          .max = max,
                                                          .sum = max + heads,
                                                          .out_stride = out_stride,
                                                          .key_scales = scales.data(),
                                                          .value_scales = scales.data()});
              };
              run(together, 0, rows, count);
              for (std::int64_t row = 0; row < rows; ++row) run(alone, row, 1, count + row * more);
              INFO(kernels.float_isa << ", " << rows << " rows, " << count << " positions, " << heads << " heads, int8 "
                                     << int8);
              REQUIRE(same_bits(together, alone));
              REQUIRE(std::isfinite(alone[0]));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("attention over int8 codes is attention over what they stand for, to the bit where that is exact") {
  std::mt19937 random(11);
  for (const std::int64_t head_dim : {16, 100, 128}) {
    for (const std::int64_t heads : {1, 4, 5}) {
      for (const std::int64_t count : {1, 17, 256}) {
        const std::int64_t stride = round_up(head_dim, 16);
        const auto q = awkward_floats(heads * head_dim, heads * head_dim, 5);
        std::vector<std::int8_t> key_codes(static_cast<std::size_t>(kAttentionBlock * head_dim));
        std::vector<std::int8_t> value_codes(static_cast<std::size_t>(kAttentionBlock * stride));
        for (auto* codes : {&key_codes, &value_codes}) {
          for (std::int8_t& code : *codes) code = static_cast<std::int8_t>(static_cast<int>(random() % 255) - 127);
        }
        std::vector<float> key_scales(kAttentionBlock), value_scales(kAttentionBlock);
        for (float& scale : key_scales) scale = std::ldexp(1.0f, -5 - static_cast<int>(random() % 4));
        for (float& scale : value_scales) scale = std::ldexp(1.0f, -5 - static_cast<int>(random() % 4));
        std::vector<std::uint16_t> keys, values;  // the same as halves: powers of two lose nothing
        for (std::size_t i = 0; i < key_codes.size(); ++i) {
          const auto position = i / static_cast<std::size_t>(head_dim * kKeyLanes) * kKeyLanes + i % kKeyLanes;
          keys.push_back(bh::float_to_half(key_codes[i] * key_scales[position]));
        }
        for (std::size_t i = 0; i < value_codes.size(); ++i) {
          const float scale = value_scales[i / static_cast<std::size_t>(stride)];
          values.push_back(bh::float_to_half(value_codes[i] * scale));
        }
        const auto run = [&](auto kernel, const void* k, const void* v) {
          std::vector<float> out(static_cast<std::size_t>(heads * stride + 2 * heads));
          float* max = out.data() + heads * stride;
          kernel({.q = q.data(),
                  .rows = 1,
                  .q_stride = 0,
                  .heads = heads,
                  .head_dim = head_dim,
                  .keys = k,
                  .values = v,
                  .value_stride = stride,
                  .count = count,
                  .more = 1,
                  .scale = 0.125f,
                  .out = out.data(),
                  .max = max,
                  .sum = max + heads,
                  .out_stride = 0,
                  .key_scales = key_scales.data(),
                  .value_scales = value_scales.data()});
          return out;
        };
        const auto expected = run(scalar().floats->attention_block, keys.data(), values.data());
        for (const BoundKernels& kernels : usable_kernels()) {
          INFO(kernels.float_isa << ", head size " << head_dim << ", " << heads << " heads, " << count << " positions");
          REQUIRE(same_bits(run(kernels.floats->attention_block_int8, key_codes.data(), value_codes.data()), expected));
        }
      }
    }
  }
}
