// The float kernels for one instruction set; written in float_kernels.inl.
#include "engine/cpu/kernels.h"
#include "engine/cpu/vec_avx512.h"

// After the vector type it is written over.
#include "engine/cpu/float_kernels.inl"

namespace bh::engine {

const FloatKernels& float_avx512() noexcept { return kFloatKernels; }
const DenseKernels& dense_avx512() noexcept { return kDenseKernels; }

const ScreenKernels& screen_amx() noexcept {
  static constexpr ScreenKernels kKernels = screen_kernels(screen_rows_amx);
  return kKernels;
}
const ScreenKernels& screen_avx512() noexcept {
  static constexpr ScreenKernels kKernels = screen_kernels(screen_rows_avx512);
  return kKernels;
}

}  // namespace bh::engine
