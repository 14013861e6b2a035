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

}  // namespace

void screen_rows_avx512(const ScreenTask& task) noexcept {
  const std::uint8_t* codes = task.codes;
  for (std::int64_t group = 0; group < task.groups; ++group) {
    __m512i high[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    __m512i low[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    const std::int8_t* planes = task.planes;
    // Columns are padded to kPad: the steps come in pairs.
    for (std::int64_t step = 0; step < task.steps; step += 2) {
      for (int i = 0; i < 2; ++i, codes += kStepBytes, planes += 2 * kScreenCols) {
        _mm_prefetch(reinterpret_cast<const char*>(codes + kPrefetchBytes), _MM_HINT_T0);
        const __m512i four_of_sixteen = _mm512_loadu_si512(codes);
        high[i] = _mm512_dpbusd_epi32(high[i], four_of_sixteen, broadcast(planes));
        low[i] = _mm512_dpbusd_epi32(low[i], four_of_sixteen, broadcast(planes + kScreenCols));
      }
    }
    std::int32_t* sums = task.sums + group * 2 * kGroupRows;
    _mm512_storeu_si512(sums, _mm512_add_epi32(high[0], high[1]));
    _mm512_storeu_si512(sums + kGroupRows, _mm512_add_epi32(low[0], low[1]));
  }
}

}  // namespace bh::engine
