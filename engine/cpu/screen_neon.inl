// Screening a large LM head with NEON, written once over `add_products`, included behind it. A code c + 128 times an
// input is c times the input, which signed bytes can do, and 128 times the sum of inputs, which all rows share.

namespace bh::engine {
namespace {

constexpr std::int64_t kPrefetchBytes = 1024;  // ahead of the stream

/// The four values of a plane, repeated for each of a register's rows.
inline int8x16_t repeat(const std::int8_t* plane) {
  std::int32_t word;
  __builtin_memcpy(&word, plane, 4);
  return vreinterpretq_s8_s32(vdupq_n_s32(word));
}

void screen_group(const std::uint8_t* codes, std::int64_t steps, const std::int8_t* planes, std::int32_t* dst) {
  Sums high[4], low[4], high_inputs, low_inputs;
  for (std::int64_t step = 0; step < steps; ++step, codes += kStepBytes, planes += kScreenCols) {
    const int8x16_t h = repeat(planes), l = repeat(planes + steps * kScreenCols);
    __builtin_prefetch(codes + kPrefetchBytes);
    for (int q = 0; q < 4; ++q) {
      const int8x16_t four_rows = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(codes + 16 * q), vdupq_n_u8(0x80)));
      high[q].add_products(four_rows, h);
      low[q].add_products(four_rows, l);
    }
    high_inputs.add_products(vdupq_n_s8(1), h);
    low_inputs.add_products(vdupq_n_s8(1), l);
  }
  const int32x4_t more_high = vshlq_n_s32(high_inputs.rows(), 7), more_low = vshlq_n_s32(low_inputs.rows(), 7);
  for (int q = 0; q < 4; ++q) {
    vst1q_s32(dst + 4 * q, vaddq_s32(high[q].rows(), more_high));
    vst1q_s32(dst + kGroupRows + 4 * q, vaddq_s32(low[q].rows(), more_low));
  }
}

inline void screen_rows(const ScreenTask& task) {
  for (std::int64_t group = 0; group < task.groups; ++group) {
    for (std::int64_t token = 0; token < task.tokens; ++token) {  // after the first, the group's codes are in a cache
      screen_group(task.codes + group * task.steps * kStepBytes, task.steps,
                   task.planes + token * task.steps * 2 * kScreenCols,
                   task.sums + (group * task.tokens + token) * 2 * kGroupRows);
    }
  }
}

}  // namespace
}  // namespace bh::engine
