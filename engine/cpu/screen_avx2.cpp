// Screening a large LM head with AVX2; written in screen_ymm.inl.
#include <immintrin.h>

#include "engine/cpu/broadcast_x86.h"
#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

/// Of eight rows.
struct Sums {
  __m256i sum = _mm256_setzero_si256();

  /// Two pairs of products of six with eight bits stay in int16: 4 * 63 * 127 = 32004.
  void add_products(const __m256i (&fields)[4], const std::int8_t* plane) {
    __m256i pairs[4];
    for (int f = 0; f < 4; ++f) pairs[f] = _mm256_maddubs_epi16(fields[f], broadcast_256(plane + kFieldCols * f));
    const __m256i ones = _mm256_set1_epi16(1);
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(pairs[0], pairs[1]), ones));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(pairs[2], pairs[3]), ones));
  }
  __m256i rows() const { return sum; }
};

}  // namespace
}  // namespace bh::engine

#include "engine/cpu/screen_ymm.inl"

namespace bh::engine {

void screen_rows_avx2(const ScreenTask& task) noexcept { screen_rows(task); }

}  // namespace bh::engine
