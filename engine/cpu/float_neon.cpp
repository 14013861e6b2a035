// The float kernels for one instruction set; written in float_kernels.inl.
#include "engine/cpu/kernels.h"
#include "engine/cpu/vec_neon.h"

// After the vector type it is written over.
#include "engine/cpu/float_kernels.inl"

namespace bh::engine {

const FloatKernels& float_neon() noexcept { return kFloatKernels; }
const DenseKernels& dense_neon() noexcept { return kDenseKernels; }

const ScreenKernels& screen_neon() noexcept {
  static constexpr ScreenKernels kKernels = screen_kernels(screen_rows_neon);
  return kKernels;
}
const ScreenKernels& screen_neon_dotprod() noexcept {
  static constexpr ScreenKernels kKernels = screen_kernels(screen_rows_neon_dotprod);
  return kKernels;
}

}  // namespace bh::engine
