// Screening with NEON as every ARM-64 CPU has it; written in screen_neon.inl.
#include <arm_neon.h>

#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

/// Of four rows: two partial sums each.
struct Sums {
  int32x4_t low = vdupq_n_s32(0), high = vdupq_n_s32(0);

  /// A product of signed bytes always fits int16.
  void add_products(int8x16_t a, int8x16_t b) {
    low = vpadalq_s16(low, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
    high = vpadalq_s16(high, vmull_high_s8(a, b));
  }
  int32x4_t rows() const { return vpaddq_s32(low, high); }
};

}  // namespace
}  // namespace bh::engine

#include "engine/cpu/screen_neon.inl"

namespace bh::engine {

void screen_rows_neon(const ScreenTask& task) noexcept { screen_rows(task); }

}  // namespace bh::engine
