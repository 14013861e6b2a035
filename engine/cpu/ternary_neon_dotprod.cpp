// The ternary product with NEON's dot product of bytes (ARMv8.2): lane = row, four rows to a register.
#include <arm_neon.h>

#include "engine/base/prefetch.h"
#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

/// kSets sets of sums hide the latency of the product where there are few tokens.
template <int kTokens, int kSets>
void some_tokens(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  const std::uint8_t* weights = task.weights + group * task.steps * kStepBytes;
  const std::int8_t* codes = task.codes + token * task.code_stride;
  const uint8x16_t mask = vdupq_n_u8(3);
  int32x4_t sums[kTokens][4][kSets];
  for (auto& of_token : sums) {
    for (auto& of_rows : of_token) {
      for (int32x4_t& sum : of_rows) sum = vdupq_n_s32(0);
    }
  }
  for (std::int64_t step = 0; step < task.steps; ++step, weights += kStepBytes, codes += kStepCols) {
    prefetch_stream(weights);
    int8x16_t a[kTokens];
    for (int t = 0; t < kTokens; ++t) a[t] = vld1q_s8(codes + t * task.code_stride);
    for (int q = 0; q < 4; ++q) {
      const uint8x16_t packed = vld1q_u8(weights + 16 * q);
      const int8x16_t field0 = vreinterpretq_s8_u8(vandq_u8(packed, mask));
      const int8x16_t field1 = vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(packed, 2), mask));
      const int8x16_t field2 = vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(packed, 4), mask));
      const int8x16_t field3 = vreinterpretq_s8_u8(vshrq_n_u8(packed, 6));
      for (int t = 0; t < kTokens; ++t) {
        int32x4_t& first = sums[t][q][0];
        int32x4_t& last = sums[t][q][kSets - 1];
        first = vdotq_laneq_s32(first, field0, a[t], 0);
        last = vdotq_laneq_s32(last, field1, a[t], 1);
        first = vdotq_laneq_s32(first, field2, a[t], 2);
        last = vdotq_laneq_s32(last, field3, a[t], 3);
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    std::int32_t* dst = task.sums + (group * task.tokens + token + t) * kGroupRows;
    for (int q = 0; q < 4; ++q) {
      int32x4_t sum = sums[t][q][0];
      for (int set = 1; set < kSets; ++set) sum = vaddq_s32(sum, sums[t][q][set]);
      vst1q_s32(dst + 4 * q, sum);
    }
  }
}

}  // namespace

void ternary_neon_dotprod(const TernaryTask& task) noexcept {
  for (std::int64_t group = 0; group < task.groups; ++group) {
    std::int64_t token = 0;
    for (; token + 4 <= task.tokens; token += 4) some_tokens<4, 1>(task, group, token);
    for (; token + 2 <= task.tokens; token += 2) some_tokens<2, 2>(task, group, token);
    for (; token < task.tokens; ++token) some_tokens<1, 2>(task, group, token);
  }
}

}  // namespace bh::engine
