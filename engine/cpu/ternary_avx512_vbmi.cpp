// The ternary product with AVX-512 VBMI and VNNI over weights of 1.6 bits, for steps that wait for memory: one or two
// tokens at a time. Lane = row, as in ternary_avx512.cpp.
#include <immintrin.h>

#include "engine/cpu/kernels.h"
#include "engine/cpu/trits_avx512.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kPrefetchBytes = 8192;  // ahead of the packed stream, as for the other instruction sets

inline __m512i broadcast(const std::int8_t* codes) {
  std::int32_t word;
  __builtin_memcpy(&word, codes, 4);
  return _mm512_set1_epi32(word);
}

/// Multiples of 81 divided by it; doubles hold them.
inline __m512i divide_by_81(__m512i sums) {
  const __m512d one_81st = _mm512_set1_pd(1.0 / 81.0);
  const __m512d low = _mm512_mul_pd(_mm512_cvtepi32_pd(_mm512_castsi512_si256(sums)), one_81st);
  const __m512d high = _mm512_mul_pd(_mm512_cvtepi32_pd(_mm512_extracti64x4_epi64(sums, 1)), one_81st);
  return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtpd_epi32(low)), _mm512_cvtpd_epi32(high), 1);
}

/// One group with some tokens. Masks without shifts leave each field's products scaled by 1, 4, 16, 64 or 81, undone
/// once at the end. With one token kSets sets of sums, each of every kSets-th step, hide the latency of the multiply.
template <int kTokens, int kSets>
void few_tokens(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  const std::uint8_t* weights = task.weights + group * task.steps * kStepBytes;
  const std::int8_t* codes = task.codes + token * task.code_stride;
  const TritDecoder decoder;
  const __m512i masks[4] = {_mm512_set1_epi8(0x03), _mm512_set1_epi8(0x0c), _mm512_set1_epi8(0x30),
                            _mm512_set1_epi8(-0x40)};
  __m512i sums[kSets][kTokens][kTritFields];
  for (auto& set : sums) {
    for (auto& fields : set) {
      for (__m512i& sum : fields) sum = _mm512_setzero_si512();
    }
  }
  const auto add_step = [&](__m512i(&set)[kTokens][kTritFields]) {
    _mm_prefetch(reinterpret_cast<const char*>(weights + kPrefetchBytes), _MM_HINT_T0);
    const TritDecoder::Fields fields = decoder.decode(_mm512_loadu_si512(weights));
    for (int f = 0; f < 4; ++f) {
      const __m512i field = _mm512_and_si512(fields.four, masks[f]);
      for (int t = 0; t < kTokens; ++t) {
        set[t][f] = _mm512_dpbusd_epi32(set[t][f], field, broadcast(codes + t * task.code_stride + kFieldCols * f));
      }
    }
    for (int t = 0; t < kTokens; ++t) {
      set[t][4] =
          _mm512_dpbusd_epi32(set[t][4], fields.fifth, broadcast(codes + t * task.code_stride + kFieldCols * 4));
    }
    weights += kStepBytes;
    codes += kTritFields * kFieldCols;
  };
  std::int64_t step = 0;
  for (; step + kSets <= task.steps; step += kSets) {
    for (int i = 0; i < kSets; ++i) add_step(sums[i]);
  }
  if (step < task.steps) add_step(sums[0]);
  for (int t = 0; t < kTokens; ++t) {
    __m512i* s = sums[0][t];
    for (int i = 1; i < kSets; ++i) {
      for (int f = 0; f < kTritFields; ++f) s[f] = _mm512_add_epi32(s[f], sums[i][t][f]);
    }
    const __m512i low = _mm512_add_epi32(s[0], _mm512_srai_epi32(s[1], 2));
    const __m512i high = _mm512_add_epi32(_mm512_srai_epi32(s[2], 4), _mm512_srai_epi32(s[3], 6));
    _mm512_storeu_si512(task.sums + (group * task.tokens + token + t) * kGroupRows,
                        _mm512_add_epi32(_mm512_add_epi32(low, high), divide_by_81(s[4])));
  }
}

}  // namespace

void ternary_avx512_vbmi(const TernaryTask& task) noexcept {
  for (std::int64_t group = 0; group < task.groups; ++group) {
    std::int64_t token = 0;
    for (; token + 2 <= task.tokens; token += 2) few_tokens<2, 1>(task, group, token);
    if (token < task.tokens) few_tokens<1, 2>(task, group, token);
  }
}

}  // namespace bh::engine
