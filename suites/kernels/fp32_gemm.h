// A blocked FP32 matrix product: what a ternary one is held against. Written for this comparison, since the engine's
// own float kernels follow a fixed order of additions that a GEMM does not have to. One object file per instruction
// set.
#pragma once

#include <cstdint>

namespace bh::suites::kernels {

inline constexpr std::int64_t kGemmRows = 32;    ///< rows of a packed panel
inline constexpr std::int64_t kGemmTokens = 24;  ///< tokens of a task are a multiple of this, which every tile divides

struct GemmTask {
  const float* panels;  ///< weights [rows / kGemmRows, cols, kGemmRows]
  std::int64_t rows;    ///< a multiple of kGemmRows
  std::int64_t cols;
  const float* x;  ///< [tokens, cols]
  std::int64_t tokens;
  float* y;  ///< [tokens, rows]
};
using GemmKernel = void (*)(const GemmTask&) noexcept;

void gemm_portable(const GemmTask& task) noexcept;
#if defined(__x86_64__)
void gemm_avx2(const GemmTask& task) noexcept;
void gemm_avx512(const GemmTask& task) noexcept;
#endif

}  // namespace bh::suites::kernels
