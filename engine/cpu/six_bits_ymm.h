// Half a step (eight rows) of the screened head's 6-bit codes as four fields of bytes, for the AVX2 sources.
#pragma once

#include <immintrin.h>

#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

inline void unpack_six_bits(const std::uint8_t* half_step, __m256i (&fields)[4]) {
  const __m256i low = _mm256_set1_epi8(0x3f);
  __m256i vectors[3];
  for (int i = 0; i < 3; ++i) {
    vectors[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(half_step + kScreenVectorBytes * i));
    fields[i] = _mm256_and_si256(vectors[i], low);
  }
  // Pairs of upper bits one behind the other, above two bits of zeros, which the last shift of words moves away.
  const __m256i first = _mm256_and_si256(vectors[0], _mm256_set1_epi8(-0x40));
  const __m256i second = _mm256_and_si256(_mm256_srli_epi16(vectors[1], 2), _mm256_set1_epi8(0x30));
  const __m256i third = _mm256_and_si256(_mm256_srli_epi16(vectors[2], 4), _mm256_set1_epi8(0x0c));
  fields[3] = _mm256_srli_epi16(_mm256_or_si256(_mm256_or_si256(first, second), third), 2);
}

}  // namespace
}  // namespace bh::engine
