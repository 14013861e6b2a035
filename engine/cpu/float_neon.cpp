// The float kernels for one instruction set; written in float_kernels.inl.
#include "engine/cpu/kernels.h"
#include "engine/cpu/vec_neon.h"

// After the vector type it is written over.
#include "engine/cpu/float_kernels.inl"

namespace bh::engine {

const FloatKernels& float_neon() noexcept { return kFloatKernels; }
const DenseKernels& dense_neon() noexcept { return kDenseKernels; }

const ScreenKernels& screen_neon() noexcept {
  static constexpr ScreenKernels kKernels = {screen_rows_neon, bound_rows, pack_screen_row<F32>, pack_screen_row<F16>,
                                             pack_screen_row<BF16>};
  return kKernels;
}
const ScreenKernels& screen_neon_dotprod() noexcept {
  static constexpr ScreenKernels kKernels = {screen_rows_neon_dotprod, bound_rows, pack_screen_row<F32>,
                                             pack_screen_row<F16>, pack_screen_row<BF16>};
  return kKernels;
}

}  // namespace bh::engine
