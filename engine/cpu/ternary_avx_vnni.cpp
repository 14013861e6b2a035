// The ternary product with AVX-VNNI, the byte products of client CPUs without AVX-512.
#include "engine/cpu/ternary_ymm.inl"

namespace bh::engine {
namespace {

struct IntSums {
  static constexpr std::int64_t kRun = std::int64_t{1} << 20;  // 1016 a product: far from 2^31
  static __m256i add(__m256i sum, __m256i field, __m256i codes) { return _mm256_dpbusd_avx_epi32(sum, field, codes); }
  static __m256i widen(__m256i sum) { return sum; }
};

/// Masks without shifts leave each field's products scaled by 1, 4, 16 or 64, undone once at the end.
void one_token(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  const std::uint8_t* weights = task.weights + group * task.steps * kStepBytes;
  const std::int8_t* codes = task.codes + token * task.code_stride;
  const __m256i masks[kFields] = {_mm256_set1_epi8(0x03), _mm256_set1_epi8(0x0c), _mm256_set1_epi8(0x30),
                                  _mm256_set1_epi8(-0x40)};
  __m256i sums[2][kFields];
  for (int half = 0; half < 2; ++half) {
    for (__m256i& sum : sums[half]) sum = _mm256_setzero_si256();
  }
  for (std::int64_t step = 0; step < task.steps; ++step, weights += kStepBytes, codes += kStepCols) {
    prefetch_stream(weights);
    const __m256i packed[2] = {load(weights), load(weights + 32)};
    for (int f = 0; f < kFields; ++f) {
      const __m256i a = broadcast_256(codes + 4 * f);
      for (int half = 0; half < 2; ++half) {
        sums[half][f] = _mm256_dpbusd_avx_epi32(sums[half][f], _mm256_and_si256(packed[half], masks[f]), a);
      }
    }
  }
  std::int32_t* dst = task.sums + (group * task.tokens + token) * kGroupRows;
  for (int half = 0; half < 2; ++half) {
    const __m256i* s = sums[half];
    const __m256i low = _mm256_add_epi32(s[0], _mm256_srai_epi32(s[1], 2));
    const __m256i high = _mm256_add_epi32(_mm256_srai_epi32(s[2], 4), _mm256_srai_epi32(s[3], 6));
    store(dst + 8 * half, _mm256_add_epi32(low, high));
  }
}

}  // namespace

void ternary_avx_vnni(const TernaryTask& task) noexcept { multiply_task<IntSums>(task, one_token); }

}  // namespace bh::engine
