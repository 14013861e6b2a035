// Screening a large LM head with AVX-VNNI: lane = row, one byte product of each plane a step and half group.
#include <immintrin.h>

#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kPrefetchBytes = 8192;  // ahead of the stream, as for the ternary weights

inline __m256i broadcast(const std::int8_t* plane) {
  std::int32_t word;
  __builtin_memcpy(&word, plane, 4);
  return _mm256_set1_epi32(word);
}

/// One group with one or two of the tokens. kSets sets of sums, each of every kSets-th step, hide the multiply's
/// latency.
template <int kTokens, int kSets>
void screen_group(const ScreenTask& task, std::int64_t group, std::int64_t token) {
  const std::uint8_t* codes = task.codes + group * task.steps * kStepBytes;
  const std::int64_t plane_stride = task.steps * 2 * kScreenCols;
  const std::int8_t* planes = task.planes + token * plane_stride;
  __m256i high[kSets][kTokens][2], low[kSets][kTokens][2];
  for (int i = 0; i < kSets; ++i) {
    for (int t = 0; t < kTokens; ++t) {
      for (int half = 0; half < 2; ++half) high[i][t][half] = low[i][t][half] = _mm256_setzero_si256();
    }
  }
  // Columns are padded to kPad: the steps come in pairs.
  for (std::int64_t step = 0; step < task.steps; step += kSets) {
    for (int i = 0; i < kSets; ++i, codes += kStepBytes, planes += kScreenCols) {
      _mm_prefetch(reinterpret_cast<const char*>(codes + kPrefetchBytes), _MM_HINT_T0);
      for (int half = 0; half < 2; ++half) {
        const __m256i four_of_eight = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes + 32 * half));
        for (int t = 0; t < kTokens; ++t) {
          const std::int8_t* plane = planes + t * plane_stride;
          high[i][t][half] = _mm256_dpbusd_avx_epi32(high[i][t][half], four_of_eight, broadcast(plane));
          low[i][t][half] =
              _mm256_dpbusd_avx_epi32(low[i][t][half], four_of_eight, broadcast(plane + task.steps * kScreenCols));
        }
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    auto* sums = reinterpret_cast<__m256i*>(task.sums + (group * task.tokens + token + t) * 2 * kGroupRows);
    for (int half = 0; half < 2; ++half) {
      __m256i high_sum = high[0][t][half], low_sum = low[0][t][half];
      for (int i = 1; i < kSets; ++i) {
        high_sum = _mm256_add_epi32(high_sum, high[i][t][half]);
        low_sum = _mm256_add_epi32(low_sum, low[i][t][half]);
      }
      _mm256_storeu_si256(sums + half, high_sum);
      _mm256_storeu_si256(sums + 2 + half, low_sum);
    }
  }
}

}  // namespace

void screen_rows_avx_vnni(const ScreenTask& task) noexcept {
  for (std::int64_t group = 0; group < task.groups; ++group) {
    std::int64_t token = 0;
    for (; token + 2 <= task.tokens; token += 2) screen_group<2, 1>(task, group, token);
    if (token < task.tokens) screen_group<1, 2>(task, group, token);
  }
}

}  // namespace bh::engine
