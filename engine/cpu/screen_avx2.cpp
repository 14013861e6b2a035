// Screening a large LM head with AVX2: codes are widened to 16 bits, since their byte products could saturate there.
#include <immintrin.h>

#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kPrefetchBytes = 8192;  // ahead of the stream, as for the ternary weights

/// Four values of a plane as 16-bit words, repeated.
inline __m256i broadcast(const std::int8_t* plane) {
  std::int32_t word;
  __builtin_memcpy(&word, plane, 4);
  return _mm256_broadcastq_epi64(_mm_cvtepi8_epi16(_mm_cvtsi32_si128(word)));
}

/// Sums of neighbouring pairs: two partial sums of each of eight rows become eight sums in row order.
inline __m256i join(__m256i rows0123, __m256i rows4567) {
  return _mm256_permute4x64_epi64(_mm256_hadd_epi32(rows0123, rows4567), 0xd8);
}

void screen_group(const std::uint8_t* codes, std::int64_t steps, const std::int8_t* planes, std::int32_t* dst) {
  __m256i high[4], low[4];  // of four rows each, two partial sums a row
  for (int i = 0; i < 4; ++i) high[i] = low[i] = _mm256_setzero_si256();
  for (std::int64_t step = 0; step < steps; ++step, codes += kStepBytes, planes += kScreenCols) {
    const __m256i h = broadcast(planes), l = broadcast(planes + steps * kScreenCols);
    _mm_prefetch(reinterpret_cast<const char*>(codes + kPrefetchBytes), _MM_HINT_T0);
    for (int i = 0; i < 4; ++i) {
      const __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + 16 * i)));
      high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(wide, h));
      low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(wide, l));
    }
  }
  auto* sums = reinterpret_cast<__m256i*>(dst);
  _mm256_storeu_si256(sums, join(high[0], high[1]));
  _mm256_storeu_si256(sums + 1, join(high[2], high[3]));
  _mm256_storeu_si256(sums + 2, join(low[0], low[1]));
  _mm256_storeu_si256(sums + 3, join(low[2], low[3]));
}

}  // namespace

void screen_rows_avx2(const ScreenTask& task) noexcept {
  for (std::int64_t group = 0; group < task.groups; ++group) {
    for (std::int64_t token = 0; token < task.tokens; ++token) {  // after the first, the group's codes are in a cache
      screen_group(task.codes + group * task.steps * kStepBytes, task.steps,
                   task.planes + token * task.steps * 2 * kScreenCols,
                   task.sums + (group * task.tokens + token) * 2 * kGroupRows);
    }
  }
}

}  // namespace bh::engine
