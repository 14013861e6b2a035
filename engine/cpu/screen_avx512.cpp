// Screening a large LM head with AVX-512 VNNI: lane = row, one byte product of each plane a step.
#include <immintrin.h>

#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kPrefetchBytes = 8192;  // ahead of the stream, as for the ternary weights

inline __m512i broadcast(const std::int8_t* plane) {
  std::int32_t word;
  __builtin_memcpy(&word, plane, 4);
  return _mm512_set1_epi32(word);
}

/// One group with some of the tokens. kSets sets of sums, each of every kSets-th step, hide the multiply's latency.
template <int kTokens, int kSets>
void screen_group(const ScreenTask& task, std::int64_t group, std::int64_t token) {
  const std::uint8_t* codes = task.codes + group * task.steps * kStepBytes;
  const std::int64_t plane_stride = task.steps * 2 * kScreenCols;
  const std::int8_t* planes = task.planes + token * plane_stride;
  __m512i high[kSets][kTokens], low[kSets][kTokens];
  for (int i = 0; i < kSets; ++i) {
    for (int t = 0; t < kTokens; ++t) high[i][t] = low[i][t] = _mm512_setzero_si512();
  }
  // Columns are padded to kPad: the steps come in pairs.
  for (std::int64_t step = 0; step < task.steps; step += kSets) {
    for (int i = 0; i < kSets; ++i, codes += kStepBytes, planes += kScreenCols) {
      _mm_prefetch(reinterpret_cast<const char*>(codes + kPrefetchBytes), _MM_HINT_T0);
      const __m512i four_of_sixteen = _mm512_loadu_si512(codes);
      for (int t = 0; t < kTokens; ++t) {
        const std::int8_t* plane = planes + t * plane_stride;
        high[i][t] = _mm512_dpbusd_epi32(high[i][t], four_of_sixteen, broadcast(plane));
        low[i][t] = _mm512_dpbusd_epi32(low[i][t], four_of_sixteen, broadcast(plane + task.steps * kScreenCols));
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    std::int32_t* sums = task.sums + (group * task.tokens + token + t) * 2 * kGroupRows;
    __m512i high_sum = high[0][t], low_sum = low[0][t];
    for (int i = 1; i < kSets; ++i) {
      high_sum = _mm512_add_epi32(high_sum, high[i][t]);
      low_sum = _mm512_add_epi32(low_sum, low[i][t]);
    }
    _mm512_storeu_si512(sums, high_sum);
    _mm512_storeu_si512(sums + kGroupRows, low_sum);
  }
}

}  // namespace

void screen_rows_avx512(const ScreenTask& task) noexcept {
  for (std::int64_t group = 0; group < task.groups; ++group) {
    std::int64_t token = 0;
    for (; token + 4 <= task.tokens; token += 4) screen_group<4, 1>(task, group, token);
    switch (task.tokens - token) {
      case 3:
        screen_group<3, 1>(task, group, token);
        break;
      case 2:
        screen_group<2, 1>(task, group, token);
        break;
      case 1:
        screen_group<1, 2>(task, group, token);
        break;
      default:
        break;
    }
  }
}

}  // namespace bh::engine
