// Screening a large LM head with 256-bit vectors, written once over `Sums`, included behind it. A lane is a row.
#include "engine/base/prefetch.h"
#include "engine/cpu/six_bits_ymm.h"

namespace bh::engine {
namespace {

/// One group with some of the tokens.
template <int kTokens>
void screen_group(const ScreenTask& task, std::int64_t group, std::int64_t token) {
  const std::uint8_t* codes = task.codes + group * task.steps * kScreenStepBytes;
  const std::int64_t low_plane = task.steps * kScreenCols, plane_stride = 2 * low_plane;
  const std::int8_t* planes = task.planes + token * plane_stride;
  Sums high[kTokens][2], low[kTokens][2];  // of the group's halves
  for (std::int64_t step = 0; step < task.steps; ++step, codes += kScreenStepBytes, planes += kScreenCols) {
    for (std::int64_t line = 0; line < kScreenStepBytes; line += 64) {
      prefetch_stream(codes + line);
    }
    for (int half = 0; half < 2; ++half) {
      __m256i fields[4];
      unpack_six_bits(codes + 32 * half, fields);
      for (int t = 0; t < kTokens; ++t) {
        const std::int8_t* plane = planes + t * plane_stride;
        high[t][half].add_products(fields, plane);
        low[t][half].add_products(fields, plane + low_plane);
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    auto* sums = reinterpret_cast<__m256i*>(task.sums + (group * task.tokens + token + t) * 2 * kGroupRows);
    for (int half = 0; half < 2; ++half) {
      _mm256_storeu_si256(sums + half, high[t][half].rows());
      _mm256_storeu_si256(sums + 2 + half, low[t][half].rows());
    }
  }
}

inline void screen_rows(const ScreenTask& task) {
  for (std::int64_t group = 0; group < task.groups; ++group) {
    std::int64_t token = 0;
    for (; token + 2 <= task.tokens; token += 2) screen_group<2>(task, group, token);
    if (token < task.tokens) screen_group<1>(task, group, token);
  }
}

}  // namespace
}  // namespace bh::engine
