// Screening a large LM head with 256-bit vectors, written once over `Sums`, included behind it. A lane is a row.
#include "engine/base/prefetch.h"
#include "engine/cpu/six_bits_ymm.h"
#include "engine/cpu/token_counts.h"

namespace bh::engine {
namespace {

/// The rows of a group fill two vectors, which take turns every few steps: so the sums of one half and four tokens stay
/// in registers, and the codes in the first cache.
constexpr std::int64_t kStepsByTurns = 16;

/// One group with some of the tokens.
template <int kTokens>
void screen_group(const ScreenTask& task, std::int64_t group, std::int64_t token) {
  const std::uint8_t* codes = task.codes + group * task.steps * kScreenStepBytes;
  const std::int64_t low_plane = task.steps * kScreenCols, plane_stride = 2 * low_plane;
  const std::int8_t* planes = task.planes + token * plane_stride;
  Sums high[2][kTokens], low[2][kTokens];
  for (std::int64_t first = 0; first < task.steps; first += kStepsByTurns) {
    const std::int64_t end = first + kStepsByTurns < task.steps ? first + kStepsByTurns : task.steps;
    for (int half = 0; half < 2; ++half) {
      Sums half_high[kTokens], half_low[kTokens];
      for (int t = 0; t < kTokens; ++t) {
        half_high[t] = high[half][t];
        half_low[t] = low[half][t];
      }
      for (std::int64_t step = first; step < end; ++step) {
        const std::uint8_t* packed = codes + step * kScreenStepBytes;
        if (half == 0) prefetch_stream(packed, kScreenStepBytes);
        __m256i fields[4];
        unpack_six_bits(packed + 32 * half, fields);
        for (int t = 0; t < kTokens; ++t) {
          const std::int8_t* plane = planes + t * plane_stride + step * kScreenCols;
          half_high[t].add_products(fields, plane);
          half_low[t].add_products(fields, plane + low_plane);
        }
      }
      for (int t = 0; t < kTokens; ++t) {
        high[half][t] = half_high[t];
        low[half][t] = half_low[t];
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    auto* sums = reinterpret_cast<__m256i*>(task.sums + (group * task.tokens + token + t) * 2 * kGroupRows);
    for (int half = 0; half < 2; ++half) {
      _mm256_storeu_si256(sums + half, high[half][t].rows);
      _mm256_storeu_si256(sums + 2 + half, low[half][t].rows);
    }
  }
}

/// One token's sums stay in registers for both halves.
template <>
void screen_group<1>(const ScreenTask& task, std::int64_t group, std::int64_t token) {
  const std::uint8_t* codes = task.codes + group * task.steps * kScreenStepBytes;
  const std::int64_t low_plane = task.steps * kScreenCols;
  const std::int8_t* plane = task.planes + token * 2 * low_plane;
  Sums high[2], low[2];
  for (std::int64_t step = 0; step < task.steps; ++step, codes += kScreenStepBytes, plane += kScreenCols) {
    prefetch_stream(codes, kScreenStepBytes);
    for (int half = 0; half < 2; ++half) {
      __m256i fields[4];
      unpack_six_bits(codes + 32 * half, fields);
      high[half].add_products(fields, plane);
      low[half].add_products(fields, plane + low_plane);
    }
  }
  auto* sums = reinterpret_cast<__m256i*>(task.sums + (group * task.tokens + token) * 2 * kGroupRows);
  for (int half = 0; half < 2; ++half) {
    _mm256_storeu_si256(sums + half, high[half].rows);
    _mm256_storeu_si256(sums + 2 + half, low[half].rows);
  }
}

inline void screen_rows(const ScreenTask& task) {
  for (std::int64_t group = 0; group < task.groups; ++group) {
    std::int64_t token = 0;
    for (; token + 4 <= task.tokens; token += 4) screen_group<4>(task, group, token);
    if (token == task.tokens) continue;
    with_count<1, 3>(task.tokens - token, [&](auto count) { screen_group<count.value>(task, group, token); });
  }
}

}  // namespace
}  // namespace bh::engine
