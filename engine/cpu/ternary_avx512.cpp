// The ternary product with AVX-512 VNNI over weights of two bits.
#include "engine/cpu/ternary_avx512.inl"

#include "engine/cpu/fields_avx512.h"

namespace bh::engine {
namespace {

struct TwoBits {
  static constexpr int kFields = 4;
  using Step = __m512i;
  static Step decode(__m512i bytes) { return bytes; }
  static constexpr int place(int f) { return f; }
  static __m512i scaled(Step step, int f) { return scaled_field(step, f); }
  static __m512i plain(Step step, int f) { return plain_field(step, f); }
};

}  // namespace

void ternary_avx512_vnni(const TernaryTask& task) noexcept { multiply_task<TwoBits>(task); }

}  // namespace bh::engine
