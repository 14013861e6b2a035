// The ternary product with NEON as every ARM-64 CPU has it: byte products are summed in int16 as long as they cannot
// overflow, then widened. Four rows to a register.
#include <arm_neon.h>

#include "engine/base/prefetch.h"
#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

/// Four codes, repeated for each of a register's rows.
inline int8x16_t repeat(const std::int8_t* codes) {
  std::int32_t word;
  __builtin_memcpy(&word, codes, 4);
  return vreinterpretq_s8_s32(vdupq_n_s32(word));
}

/// Sums of two rows each, four products a row and field: at most 4 * 127 * 2 = 1016 a lane and step, so thirty-two
/// steps stay below 2^15.
struct Words {
  int16x8_t low, high;
};

template <int kTokens>
void some_tokens(const TernaryTask& task, std::int64_t group, std::int64_t token, int quarter) {
  constexpr std::int64_t kSteps = 32;
  const std::uint8_t* weights = task.weights + group * task.steps * kStepBytes + 16 * quarter;
  const std::int8_t* codes = task.codes + token * task.code_stride;
  const uint8x16_t mask = vdupq_n_u8(3);
  int32x4_t low[kTokens], high[kTokens];
  for (int t = 0; t < kTokens; ++t) low[t] = high[t] = vdupq_n_s32(0);
  for (std::int64_t step = 0; step < task.steps;) {
    const std::int64_t stop = step + kSteps < task.steps ? step + kSteps : task.steps;
    Words words[kTokens];
    for (int t = 0; t < kTokens; ++t) words[t] = {vdupq_n_s16(0), vdupq_n_s16(0)};
    for (; step < stop; ++step, weights += kStepBytes, codes += kStepCols) {
      prefetch_stream(weights);
      uint8x16_t packed = vld1q_u8(weights);
      for (int f = 0; f < 4; ++f, packed = vshrq_n_u8(packed, 2)) {
        const int8x16_t field = vreinterpretq_s8_u8(vandq_u8(packed, mask));
        for (int t = 0; t < kTokens; ++t) {
          const int8x16_t a = repeat(codes + t * task.code_stride + 4 * f);
          words[t].low = vmlal_s8(words[t].low, vget_low_s8(field), vget_low_s8(a));
          words[t].high = vmlal_high_s8(words[t].high, field, a);
        }
      }
    }
    for (int t = 0; t < kTokens; ++t) {
      low[t] = vpadalq_s16(low[t], words[t].low);
      high[t] = vpadalq_s16(high[t], words[t].high);
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    std::int32_t* sums = task.sums + (group * task.tokens + token + t) * kGroupRows;
    vst1q_s32(sums + 4 * quarter, vpaddq_s32(low[t], high[t]));
  }
}

}  // namespace

void ternary_neon(const TernaryTask& task) noexcept {
  for (std::int64_t group = 0; group < task.groups; ++group) {
    for (int quarter = 0; quarter < 4; ++quarter) {
      std::int64_t token = 0;
      for (; token + 4 <= task.tokens; token += 4) some_tokens<4>(task, group, token, quarter);
      for (; token < task.tokens; ++token) some_tokens<1>(task, group, token, quarter);
    }
  }
}

}  // namespace bh::engine
