// The ternary product with AVX-512 VBMI and VNNI over weights of 1.6 bits.
#include "engine/cpu/ternary_avx512.inl"
#include "engine/cpu/trits_avx512.h"

namespace bh::engine {
namespace {

/// Multiples of 81 divided by it; doubles hold them.
inline __m512i divide_by_81(__m512i sums) {
  const __m512d one_81st = _mm512_set1_pd(1.0 / 81.0);
  const __m512d low = _mm512_mul_pd(_mm512_cvtepi32_pd(_mm512_castsi512_si256(sums)), one_81st);
  const __m512d high = _mm512_mul_pd(_mm512_cvtepi32_pd(_mm512_extracti64x4_epi64(sums, 1)), one_81st);
  return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtpd_epi32(low)), _mm512_cvtpd_epi32(high), 1);
}

struct Trits {
  static constexpr int kFields = kTritFields;
  using Plain = TritDecoder::Fields;
  TritDecoder decoder;
  TwoBitFields fields;

  void decode(__m512i bytes, __m512i (&decoded)[kFields]) const {
    const TritDecoder::Fields step = decoder.decode(bytes);
    for (int f = 0; f < 4; ++f) decoded[f] = fields.scaled(step.four, f);
    decoded[4] = step.fifth;
  }
  static __m512i join(const __m512i* sums) { return _mm512_add_epi32(TwoBitFields::join(sums), divide_by_81(sums[4])); }
  Plain plain(__m512i bytes) const { return decoder.decode(bytes); }
  /// The fifth is 0, 81 or 162: its two upper bits are the trit.
  __m512i field(const Plain& step, int f) const {
    return f < 4 ? fields.plain(step.four, f) : fields.plain(step.fifth, 3);
  }
};

}  // namespace

void ternary_avx512_vbmi(const TernaryTask& task) noexcept { multiply_task<Trits>(task); }

}  // namespace bh::engine
