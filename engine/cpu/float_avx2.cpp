// The float kernels for one instruction set; written in float_kernels.inl.
#include "engine/cpu/kernels.h"
#include "engine/cpu/vec_avx2.h"

// After the vector type it is written over.
#include "engine/cpu/float_kernels.inl"

namespace bh::engine {

const FloatKernels& float_avx2() noexcept { return kFloatKernels; }
const DenseKernels& dense_avx2() noexcept { return kDenseKernels; }

const ScreenKernels& screen_avx2() noexcept {
  static constexpr ScreenKernels kKernels = screen_kernels(screen_rows_avx2);
  return kKernels;
}
const ScreenKernels& screen_avx_vnni() noexcept {
  static constexpr ScreenKernels kKernels = screen_kernels(screen_rows_avx_vnni);
  return kKernels;
}

}  // namespace bh::engine
