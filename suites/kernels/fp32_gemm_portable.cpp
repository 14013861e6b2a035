// any CPU: 128-bit vectors, 16 sums.
#define BH_GEMM_NAME gemm_portable
#define BH_GEMM_LANES 4
#define BH_GEMM_TILE 2
#include "suites/kernels/fp32_gemm.inl"
