// Screening with NEON's dot product of bytes; written in screen_neon.inl.
#include <arm_neon.h>

#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

/// Of four rows.
struct Sums {
  int32x4_t sum = vdupq_n_s32(0);

  void add_products(int8x16_t a, int8x16_t b) { sum = vdotq_s32(sum, a, b); }
  int32x4_t rows() const { return sum; }
};

}  // namespace
}  // namespace bh::engine

#include "engine/cpu/screen_neon.inl"

namespace bh::engine {

void screen_rows_neon_dotprod(const ScreenTask& task) noexcept { screen_rows(task); }

}  // namespace bh::engine
