// The ternary product with AVX2: byte products are summed in int16 as long as they cannot overflow, then widened.
#include <immintrin.h>

#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kPrefetchBytes = 8192;  // ahead of the packed stream; nearer ones measured slower

inline __m256i broadcast(const std::int8_t* codes) {
  std::int32_t word;
  __builtin_memcpy(&word, codes, 4);
  return _mm256_set1_epi32(word);
}
inline __m256i load(const std::uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline __m256i widen(__m256i words) { return _mm256_madd_epi16(words, _mm256_set1_epi16(1)); }

/// One token. Fields 1 and 3 stay shifted by two bits (products times 4) until the end. A step adds at most
/// 2 * (8 * 127 * 2) = 4064 to an int16 lane, so eight steps stay below 2^15.
void one_token(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  constexpr std::int64_t kSteps = 8;
  const std::uint8_t* weights = task.weights + group * task.steps * kStepBytes;
  const std::int8_t* codes = task.codes + token * task.code_stride;
  const __m256i mask1 = _mm256_set1_epi8(0x03), mask4 = _mm256_set1_epi8(0x0c);
  __m256i sums1[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  __m256i sums4[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  for (std::int64_t step = 0; step < task.steps;) {
    const std::int64_t stop = step + kSteps < task.steps ? step + kSteps : task.steps;
    __m256i words1[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    __m256i words4[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (; step < stop; ++step, weights += kStepBytes, codes += kStepCols) {
      const __m256i a0 = broadcast(codes), a1 = broadcast(codes + 4), a2 = broadcast(codes + 8),
                    a3 = broadcast(codes + 12);
      _mm_prefetch(reinterpret_cast<const char*>(weights + kPrefetchBytes), _MM_HINT_T0);
      for (int half = 0; half < 2; ++half) {
        const __m256i packed = load(weights + 32 * half), high = _mm256_srli_epi16(packed, 4);
        const __m256i p0 = _mm256_maddubs_epi16(_mm256_and_si256(packed, mask1), a0);
        const __m256i p1 = _mm256_maddubs_epi16(_mm256_and_si256(packed, mask4), a1);
        const __m256i p2 = _mm256_maddubs_epi16(_mm256_and_si256(high, mask1), a2);
        const __m256i p3 = _mm256_maddubs_epi16(_mm256_and_si256(high, mask4), a3);
        words1[half] = _mm256_add_epi16(words1[half], _mm256_add_epi16(p0, p2));
        words4[half] = _mm256_add_epi16(words4[half], _mm256_add_epi16(p1, p3));
      }
    }
    for (int half = 0; half < 2; ++half) {
      sums1[half] = _mm256_add_epi32(sums1[half], widen(words1[half]));
      sums4[half] = _mm256_add_epi32(sums4[half], widen(words4[half]));
    }
  }
  std::int32_t* dst = task.sums + (group * task.tokens + token) * kGroupRows;
  for (int half = 0; half < 2; ++half) {
    const __m256i sum = _mm256_add_epi32(sums1[half], _mm256_srai_epi32(sums4[half], 2));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + 8 * half), sum);
  }
}

/// Several tokens share the unpacked codes. A field adds at most 2 * 127 * 2 = 508 to an int16 lane, a step 2032, so
/// sixteen steps stay below 2^15.
template <int kTokens>
void many_tokens(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  constexpr std::int64_t kSteps = 16;
  const std::uint8_t* weights = task.weights + group * task.steps * kStepBytes;
  const std::int8_t* codes = task.codes + token * task.code_stride;
  const __m256i mask = _mm256_set1_epi8(0x03);
  __m256i sums[kTokens][2];
  for (int t = 0; t < kTokens; ++t) sums[t][0] = sums[t][1] = _mm256_setzero_si256();
  for (std::int64_t step = 0; step < task.steps;) {
    const std::int64_t stop = step + kSteps < task.steps ? step + kSteps : task.steps;
    __m256i words[kTokens][2];
    for (int t = 0; t < kTokens; ++t) words[t][0] = words[t][1] = _mm256_setzero_si256();
    for (; step < stop; ++step, weights += kStepBytes, codes += kStepCols) {
      __m256i packed0 = load(weights), packed1 = load(weights + 32);
      for (int f = 0; f < 4; ++f) {
        const __m256i field0 = _mm256_and_si256(packed0, mask), field1 = _mm256_and_si256(packed1, mask);
        for (int t = 0; t < kTokens; ++t) {
          const __m256i a = broadcast(codes + t * task.code_stride + 4 * f);
          words[t][0] = _mm256_add_epi16(words[t][0], _mm256_maddubs_epi16(field0, a));
          words[t][1] = _mm256_add_epi16(words[t][1], _mm256_maddubs_epi16(field1, a));
        }
        packed0 = _mm256_srli_epi16(packed0, 2);
        packed1 = _mm256_srli_epi16(packed1, 2);
      }
    }
    for (int t = 0; t < kTokens; ++t) {
      sums[t][0] = _mm256_add_epi32(sums[t][0], widen(words[t][0]));
      sums[t][1] = _mm256_add_epi32(sums[t][1], widen(words[t][1]));
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    std::int32_t* dst = task.sums + (group * task.tokens + token + t) * kGroupRows;
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst), sums[t][0]);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + 8), sums[t][1]);
  }
}

}  // namespace

void ternary_avx2(const TernaryTask& task) noexcept {
  for (std::int64_t group = 0; group < task.groups; ++group) {
    std::int64_t token = 0;
    for (; token + 4 <= task.tokens; token += 4) many_tokens<4>(task, group, token);
    for (; token + 2 <= task.tokens; token += 2) many_tokens<2>(task, group, token);
    for (; token < task.tokens; ++token) one_token(task, group, token);
  }
}

}  // namespace bh::engine
