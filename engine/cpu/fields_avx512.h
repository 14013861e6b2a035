// Fields of two bits in the bytes of a vector, for the AVX-512 sources of ternary products.
#pragma once

#include <immintrin.h>

namespace bh::engine {
namespace {

/// The field in bits 2 * place and 2 * place + 1, as it stands: times 4^place.
inline __m512i scaled_field(__m512i bytes, int place) {
  return _mm512_and_si512(bytes, _mm512_set1_epi8(static_cast<char>(0x03 << (2 * place))));
}

/// The same, not scaled.
inline __m512i plain_field(__m512i bytes, int place) {
  return scaled_field(place == 0 ? bytes : _mm512_srli_epi16(bytes, static_cast<unsigned>(2 * place)), 0);
}

}  // namespace
}  // namespace bh::engine
