// Five trits of a byte at once, for the AVX-512 VBMI sources that read that layout.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "engine/cpu/fields_avx512.h"
#include "engine/cpu/kernels.h"
#include "engine/cpu/trits.h"

namespace bh::engine {
namespace {

/// What decoding adds up (trits.h). Bytes that trit_byte never returns decode to anything.
struct TritTables {
  alignas(64) std::uint8_t lower[64] = {};  ///< fields 0 to 3 by the six lower bits
  alignas(64) std::uint8_t upper[64] = {};  ///< what the six upper ones add to them
  alignas(64) std::uint8_t fifth[64] = {};  ///< field 4 by the six upper bits

  static constexpr std::uint8_t four(int n) {
    return static_cast<std::uint8_t>(n % 3 | n / 3 % 3 << 2 | n / 9 % 3 << 4 | n / 27 % 3 << 6);
  }

  constexpr TritTables() {
    for (int n = 0; n < kTritNumbers; ++n) {  // in this order `lower` of a borrowed couple is there already
      const int byte = trit_byte(n);
      if (byte < 192) lower[byte % 64] = four(n);
      upper[byte / 4] = static_cast<std::uint8_t>(four(n) - lower[byte % 64]);
      fifth[byte / 4] = static_cast<std::uint8_t>(n / 81);
    }
  }

  constexpr bool decode_all() const {
    bool right = true;
    for (int n = 0; n < kTritNumbers; ++n) {
      const int byte = trit_byte(n);
      right &= static_cast<std::uint8_t>(lower[byte % 64] + upper[byte / 4]) == four(n) && fifth[byte / 4] == n / 81;
    }
    return right;
  }
};
constexpr TritTables kTritTables;
static_assert(kTritTables.decode_all());

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
            _mm512_permutexvar_epi8(upper_bits, fifth_)};
  }
  static constexpr int place(int f) { return f < 4 ? f : 0; }
  static __m512i scaled(const Step& step, int f) { return f < 4 ? scaled_field(step.four, f) : step.fifth; }
  static __m512i plain(const Step& step, int f) { return f < 4 ? plain_field(step.four, f) : step.fifth; }

 private:
  __m512i lower_ = _mm512_load_si512(kTritTables.lower), upper_ = _mm512_load_si512(kTritTables.upper),
          fifth_ = _mm512_load_si512(kTritTables.fifth);
};

}  // namespace
}  // namespace bh::engine
