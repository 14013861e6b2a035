// Screening a large LM head with AVX-VNNI; written in screen_ymm.inl.
#include <immintrin.h>

#include "engine/cpu/broadcast_x86.h"
#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

/// Of eight rows. One vector only: four tokens fill the registers, and one token waits for memory anyway.
struct Sums {
  __m256i rows = _mm256_setzero_si256();

  void add_products(const __m256i (&fields)[4], const std::int8_t* plane) {
    for (int f = 0; f < 4; ++f) rows = _mm256_dpbusd_avx_epi32(rows, fields[f], broadcast_256(plane + kFieldCols * f));
  }
};

}  // namespace
}  // namespace bh::engine

#include "engine/cpu/screen_ymm.inl"

namespace bh::engine {

void screen_rows_avx_vnni(const ScreenTask& task) noexcept { screen_rows(task); }

}  // namespace bh::engine
