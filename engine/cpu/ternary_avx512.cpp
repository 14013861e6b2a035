// The ternary product with AVX-512 VNNI over weights of two bits.
#include "engine/cpu/ternary_avx512.inl"

namespace bh::engine {
namespace {

struct TwoBits {
  static constexpr int kFields = 4;
  using Plain = __m512i;
  TwoBitFields fields;

  void decode(__m512i bytes, __m512i (&decoded)[kFields]) const {
    for (int f = 0; f < kFields; ++f) decoded[f] = fields.scaled(bytes, f);
  }
  static __m512i join(const __m512i* sums) { return TwoBitFields::join(sums); }
  static Plain plain(__m512i bytes) { return bytes; }
  __m512i field(Plain step, int f) const { return fields.plain(step, f); }
};

}  // namespace

void ternary_avx512_vnni(const TernaryTask& task) noexcept { multiply_task<TwoBits>(task); }

}  // namespace bh::engine
