// The ternary product with AVX-512 VNNI: lane = row, so there are no horizontal sums and any multiple of 16 columns
// fits.
#include <immintrin.h>

#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kPrefetchBytes = 8192;  // ahead of the packed stream; nearer ones measured slower

inline __m512i broadcast(const std::int8_t* codes) {
  std::int32_t word;
  __builtin_memcpy(&word, codes, 4);
  return _mm512_set1_epi32(word);
}

/// Masks without shifts leave each field's products scaled by 1, 4, 16 or 64, undone once at the end.
inline void add_step(const std::uint8_t* weights, const std::int8_t* codes, __m512i sums[4]) {
  _mm_prefetch(reinterpret_cast<const char*>(weights + kPrefetchBytes), _MM_HINT_T0);
  const __m512i packed = _mm512_loadu_si512(weights);
  sums[0] = _mm512_dpbusd_epi32(sums[0], _mm512_and_si512(packed, _mm512_set1_epi8(0x03)), broadcast(codes));
  sums[1] = _mm512_dpbusd_epi32(sums[1], _mm512_and_si512(packed, _mm512_set1_epi8(0x0c)), broadcast(codes + 4));
  sums[2] = _mm512_dpbusd_epi32(sums[2], _mm512_and_si512(packed, _mm512_set1_epi8(0x30)), broadcast(codes + 8));
  sums[3] = _mm512_dpbusd_epi32(sums[3], _mm512_and_si512(packed, _mm512_set1_epi8(-0x40)), broadcast(codes + 12));
}

/// One token, one group: the weights are read as one stream, which memory serves fastest. Two sets of sums hide the
/// latency of the multiply.
void one_token(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  const std::uint8_t* weights = task.weights + group * task.steps * kStepBytes;
  const std::int8_t* codes = task.codes + token * task.code_stride;
  __m512i even[4], odd[4];
  for (int f = 0; f < 4; ++f) even[f] = odd[f] = _mm512_setzero_si512();
  std::int64_t step = 0;
  for (; step + 2 <= task.steps; step += 2) {
    add_step(weights + step * kStepBytes, codes + step * kStepCols, even);
    add_step(weights + (step + 1) * kStepBytes, codes + (step + 1) * kStepCols, odd);
  }
  if (step < task.steps) add_step(weights + step * kStepBytes, codes + step * kStepCols, even);
  for (int f = 0; f < 4; ++f) even[f] = _mm512_add_epi32(even[f], odd[f]);
  const __m512i low = _mm512_add_epi32(even[0], _mm512_srai_epi32(even[1], 2));
  const __m512i high = _mm512_add_epi32(_mm512_srai_epi32(even[2], 4), _mm512_srai_epi32(even[3], 6));
  _mm512_storeu_si512(task.sums + (group * task.tokens + token) * kGroupRows, _mm512_add_epi32(low, high));
}

/// Several tokens share the unpacked codes.
template <int kGroups, int kTokens>
void many_tokens(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  const std::int64_t group_bytes = task.steps * kStepBytes;
  const std::uint8_t* weights = task.weights + group * group_bytes;
  const std::int8_t* codes = task.codes + token * task.code_stride;
  const __m512i mask = _mm512_set1_epi8(0x03);
  __m512i sums[kGroups][kTokens];
  for (int g = 0; g < kGroups; ++g) {
    for (int t = 0; t < kTokens; ++t) sums[g][t] = _mm512_setzero_si512();
  }
  for (std::int64_t step = 0; step < task.steps; ++step) {
    __m512i packed[kGroups];
    for (int g = 0; g < kGroups; ++g) {
      _mm_prefetch(reinterpret_cast<const char*>(weights + g * group_bytes + kPrefetchBytes), _MM_HINT_T0);
      packed[g] = _mm512_loadu_si512(weights + g * group_bytes);
    }
    for (int f = 0; f < 4; ++f) {
      __m512i field[kGroups];
      for (int g = 0; g < kGroups; ++g) {
        field[g] = _mm512_and_si512(packed[g], mask);
        packed[g] = _mm512_srli_epi16(packed[g], 2);
      }
      for (int t = 0; t < kTokens; ++t) {
        const __m512i a = broadcast(codes + t * task.code_stride + 4 * f);
        for (int g = 0; g < kGroups; ++g) sums[g][t] = _mm512_dpbusd_epi32(sums[g][t], field[g], a);
      }
    }
    weights += kStepBytes;
    codes += kStepCols;
  }
  for (int g = 0; g < kGroups; ++g) {
    for (int t = 0; t < kTokens; ++t) {
      _mm512_storeu_si512(task.sums + ((group + g) * task.tokens + token + t) * kGroupRows, sums[g][t]);
    }
  }
}

template <int kGroups>
void all_tokens(const TernaryTask& task, std::int64_t group) {
  std::int64_t token = 0;
  for (; token + 8 <= task.tokens; token += 8) many_tokens<kGroups, 8>(task, group, token);
  for (; token + 4 <= task.tokens; token += 4) many_tokens<kGroups, 4>(task, group, token);
  for (; token + 3 == task.tokens; token += 3) many_tokens<kGroups, 3>(task, group, token);
  for (; token + 2 <= task.tokens; token += 2) many_tokens<kGroups, 2>(task, group, token);
  for (; token < task.tokens; ++token) {
    for (int g = 0; g < kGroups; ++g) one_token(task, group + g, token);
  }
}

}  // namespace

void ternary_avx512_vnni(const TernaryTask& task) noexcept {
  std::int64_t group = 0;
  for (; group + 2 <= task.groups; group += 2) all_tokens<2>(task, group);
  for (; group < task.groups; ++group) all_tokens<1>(task, group);
}

}  // namespace bh::engine
