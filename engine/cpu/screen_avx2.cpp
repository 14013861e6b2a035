// Screening a large LM head with AVX2; written in screen_ymm.inl.
#include <immintrin.h>

#include "engine/cpu/broadcast_x86.h"
#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

/// Of eight rows.
struct Sums {
  __m256i rows = _mm256_setzero_si256();

  void add_products(const __m256i (&fields)[4], const std::int8_t* plane) {
    constexpr int kLargest = kScreenLimit + kScreenOffset;
    static_assert(8 * kLargest * kScreenHigh < 1 << 15, "a pair of products of each field stays in int16");
    __m256i pairs = _mm256_maddubs_epi16(fields[0], broadcast_256(plane));
    for (int f = 1; f < 4; ++f) {
      pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(fields[f], broadcast_256(plane + kFieldCols * f)));
    }
    rows = _mm256_add_epi32(rows, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
};

}  // namespace
}  // namespace bh::engine

#include "engine/cpu/screen_ymm.inl"

namespace bh::engine {

void screen_rows_avx2(const ScreenTask& task) noexcept { screen_rows(task); }

}  // namespace bh::engine
