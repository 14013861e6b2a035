// Five trits of a byte at once, for the AVX-512 VBMI sources that read that layout.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "engine/cpu/fields_avx512.h"
#include "engine/cpu/kernels.h"
#include "engine/cpu/trits.h"

namespace bh::engine {
namespace {

/// What decoding adds up (trits.h). Of bytes that stand for nothing, anything.
struct TritTables {
  alignas(64) std::uint8_t lower[64] = {};        ///< fields 0 to 3 by the six lower bits
  alignas(64) std::uint8_t upper[64] = {};        ///< what the six upper ones add to them
  alignas(64) std::uint8_t upper_fifth[64] = {};  ///< field 4 by the six upper bits

  static constexpr int pair(int n) { return n % 3 | n / 3 << 2; }

  constexpr TritTables() {
    for (int n = 0; n < 243; ++n) {  // in this order what is added to stands there already
      const int a = n % 9, b = n / 9 % 9, fifth = n / 81, byte = trit_byte(a, b, fifth), four = pair(a) | pair(b) << 4;
      if (byte < 192) lower[byte % 64] = static_cast<std::uint8_t>(four);
      upper[byte / 4] = static_cast<std::uint8_t>(four - lower[byte % 64]);
      upper_fifth[byte / 4] = static_cast<std::uint8_t>(fifth);
    }
  }
};
constexpr TritTables kTritTables;

/// A layout of ternary_avx512.inl.
class Trits {
 public:
  static constexpr int kFields = kTritFields;
  struct Step {
    __m512i four, fifth;
  };

  Step decode(__m512i bytes) const {
    const __m512i upper_bits = _mm512_srli_epi16(bytes, 2);  // a permutation takes the six lower bits
    return {_mm512_add_epi8(_mm512_permutexvar_epi8(bytes, lower_), _mm512_permutexvar_epi8(upper_bits, upper_)),
            _mm512_permutexvar_epi8(upper_bits, upper_fifth_)};
  }
  static constexpr int place(int f) { return f < 4 ? f : 0; }
  static __m512i scaled(const Step& step, int f) { return f < 4 ? scaled_field(step.four, f) : step.fifth; }
  static __m512i plain(const Step& step, int f) { return f < 4 ? plain_field(step.four, f) : step.fifth; }

 private:
  __m512i lower_ = _mm512_load_si512(kTritTables.lower), upper_ = _mm512_load_si512(kTritTables.upper),
          upper_fifth_ = _mm512_load_si512(kTritTables.upper_fifth);
};

}  // namespace
}  // namespace bh::engine
