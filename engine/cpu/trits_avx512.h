// Five trits of a byte at once, for the AVX-512 VBMI sources that read that layout.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace bh::engine {
namespace {

/// Four trits of a number below 81 as fields of two bits.
struct TritTable {
  alignas(64) std::uint8_t fields[128] = {};

  constexpr TritTable() {
    for (int n = 0; n < 81; ++n) {
      fields[n] = static_cast<std::uint8_t>(n % 3 | n / 3 % 3 << 2 | n / 9 % 3 << 4 | n / 27 << 6);
    }
  }
};
constexpr TritTable kTritTable;

class TritDecoder {
 public:
  struct Fields {
    __m512i four;   ///< fields 0 to 3, two bits each
    __m512i fifth;  ///< 81 times field 4
  };

  /// A byte n is m + 81 * fifth, where m is the least of n, n - 81 and n - 162 as unsigned bytes: what falls below 0 is
  /// large.
  Fields decode(__m512i bytes) const {
    const __m512i once = _mm512_sub_epi8(bytes, _mm512_set1_epi8(81));
    const __m512i twice = _mm512_sub_epi8(bytes, _mm512_set1_epi8(static_cast<char>(162)));
    const __m512i rest = _mm512_min_epu8(bytes, _mm512_min_epu8(once, twice));
    return {_mm512_permutex2var_epi8(low_, rest, high_), _mm512_sub_epi8(bytes, rest)};
  }

 private:
  __m512i low_ = _mm512_load_si512(kTritTable.fields), high_ = _mm512_load_si512(kTritTable.fields + 64);
};

}  // namespace
}  // namespace bh::engine
