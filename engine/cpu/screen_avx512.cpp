// Screening a large LM head with AVX-512 VNNI: lane = row, one byte product of each plane a field.
#include <immintrin.h>

#include "engine/base/prefetch.h"
#include "engine/cpu/broadcast_x86.h"
#include "engine/cpu/kernels.h"
#include "engine/cpu/six_bits_avx512.h"
#include "engine/cpu/token_counts.h"

namespace bh::engine {
namespace {

constexpr int kMostTokens = 12;  // whose sums registers hold beside the fields

/// One group with some of the tokens.
template <int kTokens>
void screen_group(const ScreenTask& task, std::int64_t group, std::int64_t token) {
  const std::uint8_t* codes = task.codes + group * task.steps * kScreenStepBytes;
  const std::int64_t low_plane = task.steps * kScreenCols, plane_stride = 2 * low_plane;
  const std::int8_t* planes = task.planes + token * plane_stride;
  // Sets of sums, each of every kSets-th field, hide the multiply's latency.
  constexpr int kSets = kTokens == 1 ? 4 : kTokens <= kMostTokens / 2 ? 2 : 1;
  __m512i high[kSets][kTokens], low[kSets][kTokens];
  for (int i = 0; i < kSets; ++i) {
    for (int t = 0; t < kTokens; ++t) high[i][t] = low[i][t] = _mm512_setzero_si512();
  }
  for (std::int64_t step = 0; step < task.steps; ++step, codes += kScreenStepBytes) {
    prefetch_stream(codes, kScreenStepBytes, kTokens == 1 ? kBareStreamAhead : kStreamAhead);
    __m512i fields[4];
    unpack_six_bits(codes, fields);
    for (int f = 0; f < 4; ++f, planes += kFieldCols) {
      for (int t = 0; t < kTokens; ++t) {
        const std::int8_t* plane = planes + t * plane_stride;
        high[f % kSets][t] = multiply_add(high[f % kSets][t], fields[f], broadcast_512(plane));
        low[f % kSets][t] = multiply_add(low[f % kSets][t], fields[f], broadcast_512(plane + low_plane));
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    std::int32_t* sums = task.sums + (group * task.tokens + token + t) * 2 * kGroupRows;
    for (int i = 1; i < kSets; ++i) {
      high[0][t] = _mm512_add_epi32(high[0][t], high[i][t]);
      low[0][t] = _mm512_add_epi32(low[0][t], low[i][t]);
    }
    _mm512_storeu_si512(sums, high[0][t]);
    _mm512_storeu_si512(sums + kGroupRows, low[0][t]);
  }
}

}  // namespace

void screen_rows_avx512(const ScreenTask& task) noexcept {
  for (std::int64_t group = 0; group < task.groups; ++group) {
    in_equal_parts<1, kMostTokens>(
        task.tokens, [&](std::int64_t token, auto count) { screen_group<count.value>(task, group, token); });
  }
}

}  // namespace bh::engine
