// The ternary product with AVX2: byte products are summed in int16 as long as they cannot overflow, then widened.
#include "engine/cpu/ternary_ymm.inl"

namespace bh::engine {
namespace {

inline __m256i widen(__m256i words) { return _mm256_madd_epi16(words, _mm256_set1_epi16(1)); }

/// A product adds at most 2 * 127 * 2 = 508 to an int16 lane, so 64 of them stay below 2^15.
struct WordSums {
  static constexpr std::int64_t kRun = 64;
  static __m256i add(__m256i sum, __m256i field, __m256i codes) {
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(field, codes));
  }
  static __m256i widen(__m256i sum) { return engine::widen(sum); }
};

/// Fields 1 and 3 stay shifted by two bits (products times 4) until the end. A step adds at most
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
      const __m256i a0 = broadcast_256(codes), a1 = broadcast_256(codes + 4), a2 = broadcast_256(codes + 8),
                    a3 = broadcast_256(codes + 12);
      prefetch_stream(weights);
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
    store(dst + 8 * half, _mm256_add_epi32(sums1[half], _mm256_srai_epi32(sums4[half], 2)));
  }
}

}  // namespace

void ternary_avx2(const TernaryTask& task) noexcept { multiply_task<WordSums>(task, one_token); }

}  // namespace bh::engine
