// A step of the screened head's 6-bit codes as four fields of bytes, for the AVX-512 sources.
#pragma once

#include <immintrin.h>

#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

inline void unpack_six_bits(const std::uint8_t* step, __m512i (&fields)[4]) {
  const __m512i low = _mm512_set1_epi8(0x3f);
  __m512i vectors[3];
  for (int i = 0; i < 3; ++i) {
    vectors[i] = _mm512_loadu_si512(step + kScreenVectorBytes * i);
    fields[i] = _mm512_and_si512(vectors[i], low);
  }
  // Pairs of upper bits one behind the other, above two bits of zeros, which the last shift of words moves away.
  constexpr int kOrMasked = 0xf8;  // a | (b & c)
  __m512i fourth = _mm512_and_si512(vectors[0], _mm512_set1_epi8(-0x40));
  fourth = _mm512_ternarylogic_epi32(fourth, _mm512_srli_epi16(vectors[1], 2), _mm512_set1_epi8(0x30), kOrMasked);
  fourth = _mm512_ternarylogic_epi32(fourth, _mm512_srli_epi16(vectors[2], 4), _mm512_set1_epi8(0x0c), kOrMasked);
  fields[3] = _mm512_srli_epi16(fourth, 2);
}

}  // namespace
}  // namespace bh::engine
