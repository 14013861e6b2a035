// The float kernels for one instruction set; written in float_kernels.inl.
#include "engine/cpu/kernels.h"
#include "engine/cpu/vec_scalar.h"

// After the vector type it is written over.
#include "engine/cpu/float_kernels.inl"

namespace bh::engine {

const FloatKernels& float_scalar() noexcept { return kFloatKernels; }
const DenseKernels& dense_scalar() noexcept { return kDenseKernels; }

const ScreenKernels& screen_scalar() noexcept {
  static constexpr ScreenKernels kKernels = screen_kernels(screen_rows_scalar);
  return kKernels;
}

}  // namespace bh::engine
