// The ternary product with AVX-512 VBMI and VNNI over weights of 1.6 bits.
#include "engine/cpu/ternary_avx512.inl"
#include "engine/cpu/trits_avx512.h"

void bh::engine::ternary_avx512_vbmi(const TernaryTask& task) noexcept { multiply_task<Trits>(task); }
