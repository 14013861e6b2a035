// The ternary product with AVX-512 VNNI over weights of two bits.
#include "engine/cpu/ternary_avx512.inl"

namespace bh::engine {
namespace {

struct TwoBits {
  static constexpr int kFields = 4;
  using Step = __m512i;
  static Step decode(__m512i bytes) { return bytes; }
  static __m512i vector(Step step, int) { return step; }
  static constexpr int place(int f) { return f; }
};

}  // namespace

void ternary_avx512_vnni(const TernaryTask& task) noexcept { multiply_task<TwoBits>(task); }

}  // namespace bh::engine
