// AVX-512: 24 sums of 16 floats and 2 weights of 32 registers.
#define BH_GEMM_NAME gemm_avx512
#define BH_GEMM_LANES 16
#define BH_GEMM_TILE 12
#include "suites/kernels/fp32_gemm.inl"
