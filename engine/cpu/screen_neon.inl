// Screening a large LM head with NEON, written once over `Sums`, included behind it. A value code + 32 below 64 is the
// same as a signed byte.
#include "engine/base/prefetch.h"

namespace bh::engine {
namespace {

/// The four values of a plane, repeated for each of a register's rows.
inline int8x16_t repeat(const std::int8_t* plane) {
  std::int32_t word;
  __builtin_memcpy(&word, plane, 4);
  return vreinterpretq_s8_s32(vdupq_n_s32(word));
}

/// The four fields of four rows in a step.
inline void unpack_six_bits(const std::uint8_t* quarter_step, int8x16_t (&fields)[4]) {
  uint8x16_t vectors[3];
  for (int i = 0; i < 3; ++i) {
    vectors[i] = vld1q_u8(quarter_step + kScreenVectorBytes * i);
    fields[i] = vreinterpretq_s8_u8(vandq_u8(vectors[i], vdupq_n_u8(0x3f)));
  }
  // The upper bits of the first, then of the second, then of the third; two bits of the third remain behind them.
  const uint8x16_t fourth = vsriq_n_u8(vsriq_n_u8(vectors[0], vectors[1], 2), vectors[2], 4);
  fields[3] = vreinterpretq_s8_u8(vshrq_n_u8(fourth, 2));
}

void screen_group(const std::uint8_t* codes, std::int64_t steps, const std::int8_t* planes, std::int32_t* dst) {
  Sums high[4], low[4];
  for (std::int64_t step = 0; step < steps; ++step, codes += kScreenStepBytes, planes += kScreenCols) {
    prefetch_stream(codes, kScreenStepBytes);
    int8x16_t h[4], l[4];
    for (int f = 0; f < 4; ++f) {
      h[f] = repeat(planes + kFieldCols * f);
      l[f] = repeat(planes + steps * kScreenCols + kFieldCols * f);
    }
    for (int q = 0; q < 4; ++q) {
      int8x16_t fields[4];
      unpack_six_bits(codes + 16 * q, fields);
      for (int f = 0; f < 4; ++f) {
        high[q].add_products(fields[f], h[f]);
        low[q].add_products(fields[f], l[f]);
      }
    }
  }
  for (int q = 0; q < 4; ++q) {
    vst1q_s32(dst + 4 * q, high[q].rows());
    vst1q_s32(dst + kGroupRows + 4 * q, low[q].rows());
  }
}

inline void screen_rows(const ScreenTask& task) {
  for (std::int64_t group = 0; group < task.groups; ++group) {
    for (std::int64_t token = 0; token < task.tokens; ++token) {  // after the first, the group's codes are in a cache
      screen_group(task.codes + group * task.steps * kScreenStepBytes, task.steps,
                   task.planes + token * task.steps * 2 * kScreenCols,
                   task.sums + (group * task.tokens + token) * 2 * kGroupRows);
    }
  }
}

}  // namespace
}  // namespace bh::engine
