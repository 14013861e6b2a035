// Five trits of a byte at once, for the AVX-512 VBMI sources that read that layout.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

/// What the six lower bits of a byte stand for: of most bytes, and of those from kTritEscape on.
struct TritTables {
  alignas(64) std::uint8_t four[64] = {};           ///< fields 0 to 3, two bits each
  alignas(64) std::uint8_t escaped_four[64] = {};   ///< the same
  alignas(64) std::uint8_t escaped_fifth[64] = {};  ///< field 4 in the two upper bits

  static constexpr std::uint8_t fields(int n) {
    return static_cast<std::uint8_t>(n % 3 | n / 3 % 3 << 2 | n / 9 % 3 << 4 | n / 27 << 6);
  }

  constexpr TritTables() {
    for (int n = 0; n < 64; ++n) four[n] = fields(n);
    for (int n = 0; n < 3 * (81 - 64); ++n) {
      escaped_four[n] = fields(64 + n / 3);
      escaped_fifth[n] = static_cast<std::uint8_t>(n % 3 << 6);
    }
  }
};
constexpr TritTables kTritTables;

/// A layout of ternary_avx512.inl. Fields 0 to 3 are found in one vector, field 4 in the two upper bits of another,
/// whose other bits have no meaning.
class Trits {
 public:
  static constexpr int kFields = kTritFields;
  struct Step {
    __m512i four, fifth;
  };

  Step decode(__m512i bytes) const {
    const __mmask64 escaped = _mm512_cmpge_epu8_mask(bytes, _mm512_set1_epi8(static_cast<char>(kTritEscape)));
    const __m512i four = _mm512_permutexvar_epi8(bytes, four_);  // takes the six lower bits
    return {_mm512_mask_permutexvar_epi8(four, escaped, bytes, escaped_four_),
            _mm512_mask_permutexvar_epi8(bytes, escaped, bytes, escaped_fifth_)};
  }
  static __m512i vector(const Step& step, int f) { return f < 4 ? step.four : step.fifth; }
  static constexpr int place(int f) { return f < 4 ? f : 3; }

 private:
  __m512i four_ = _mm512_load_si512(kTritTables.four), escaped_four_ = _mm512_load_si512(kTritTables.escaped_four),
          escaped_fifth_ = _mm512_load_si512(kTritTables.escaped_fifth);
};

}  // namespace
}  // namespace bh::engine
