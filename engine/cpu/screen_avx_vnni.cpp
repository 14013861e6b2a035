// Screening a large LM head with AVX-VNNI; written in screen_ymm.inl.
#include <immintrin.h>

#include "engine/cpu/broadcast_x86.h"
#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

/// Of eight rows. Two sums hide the multiply's latency.
struct Sums {
  __m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();

  void add_products(const __m256i (&fields)[4], const std::int8_t* plane) {
    even = _mm256_dpbusd_avx_epi32(even, fields[0], broadcast_256(plane));
    odd = _mm256_dpbusd_avx_epi32(odd, fields[1], broadcast_256(plane + kFieldCols));
    even = _mm256_dpbusd_avx_epi32(even, fields[2], broadcast_256(plane + 2 * kFieldCols));
    odd = _mm256_dpbusd_avx_epi32(odd, fields[3], broadcast_256(plane + 3 * kFieldCols));
  }
  __m256i rows() const { return _mm256_add_epi32(even, odd); }
};

}  // namespace
}  // namespace bh::engine

#include "engine/cpu/screen_ymm.inl"

namespace bh::engine {

void screen_rows_avx_vnni(const ScreenTask& task) noexcept { screen_rows(task); }

}  // namespace bh::engine
