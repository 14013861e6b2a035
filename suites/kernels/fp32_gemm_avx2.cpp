// AVX2 with FMA: 12 sums of 8 floats and 4 weights fill 16 registers.
#define BH_GEMM_NAME gemm_avx2
#define BH_GEMM_LANES 8
#define BH_GEMM_TILE 3
#include "suites/kernels/fp32_gemm.inl"
