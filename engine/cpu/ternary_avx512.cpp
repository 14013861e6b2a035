// The ternary product with AVX-512 VNNI: lane = row, so there are no horizontal sums and any multiple of 16 columns
// fits.
#include <immintrin.h>

#include "engine/base/prefetch.h"
#include "engine/cpu/few_tokens_avx512.h"
#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

struct TwoBits {
  static constexpr int kFields = 4;
  ScaledFields fields;

  void decode(__m512i bytes, __m512i (&decoded)[kFields]) const {
    for (int f = 0; f < kFields; ++f) decoded[f] = fields.field(bytes, f);
  }
  static __m512i join(const __m512i* sums) { return ScaledFields::join(sums); }
};

/// Several tokens share the unpacked codes.
template <int kGroups, int kTokens>
void many_tokens(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  const std::int64_t group_bytes = task.steps * kStepBytes;
  const std::uint8_t* weights = task.weights + group * group_bytes;
  const std::int8_t* codes = task.codes + token * task.code_stride;
  const __m512i mask = _mm512_set1_epi8(0x03);
  __m512i sums[kGroups][kTokens];
  for (int g = 0; g < kGroups; ++g) {
    for (int t = 0; t < kTokens; ++t) sums[g][t] = _mm512_setzero_si512();
  }
  for (std::int64_t step = 0; step < task.steps; ++step) {
    __m512i packed[kGroups];
    for (int g = 0; g < kGroups; ++g) {
      prefetch_stream(weights + g * group_bytes);
      packed[g] = _mm512_loadu_si512(weights + g * group_bytes);
    }
    for (int f = 0; f < 4; ++f) {
      __m512i field[kGroups];
      for (int g = 0; g < kGroups; ++g) {
        field[g] = _mm512_and_si512(packed[g], mask);
        packed[g] = _mm512_srli_epi16(packed[g], 2);
      }
      for (int t = 0; t < kTokens; ++t) {
        const __m512i a = broadcast_512(codes + t * task.code_stride + 4 * f);
        for (int g = 0; g < kGroups; ++g) sums[g][t] = _mm512_dpbusd_epi32(sums[g][t], field[g], a);
      }
    }
    weights += kStepBytes;
    codes += kStepCols;
  }
  for (int g = 0; g < kGroups; ++g) {
    for (int t = 0; t < kTokens; ++t) {
      _mm512_storeu_si512(task.sums + ((group + g) * task.tokens + token + t) * kGroupRows, sums[g][t]);
    }
  }
}

template <int kGroups>
void all_tokens(const TernaryTask& task, std::int64_t group) {
  std::int64_t token = 0;
  for (; token + 8 <= task.tokens; token += 8) many_tokens<kGroups, 8>(task, group, token);
  for (; token + 4 <= task.tokens; token += 4) many_tokens<kGroups, 4>(task, group, token);
  for (; token + 2 <= task.tokens; token += 2) many_tokens<kGroups, 2>(task, group, token);
  if (token < task.tokens) many_tokens<kGroups, 1>(task, group, token);
}

/// With up to four tokens memory is the limit, with more the multiplier.
void all_groups_few(const TernaryTask& task) {
  for (std::int64_t group = 0; group < task.groups; ++group) {
    switch (task.tokens) {
      case 1:
        few_tokens<TwoBits, 1, 2>(task, group, 0);
        break;
      case 2:
        few_tokens<TwoBits, 2, 1>(task, group, 0);
        break;
      case 3:
        few_tokens<TwoBits, 3, 1>(task, group, 0);
        break;
      default:
        few_tokens<TwoBits, 4, 1>(task, group, 0);
    }
  }
}

}  // namespace

void ternary_avx512_vnni(const TernaryTask& task) noexcept {
  if (task.tokens <= 4) return all_groups_few(task);
  std::int64_t group = 0;
  for (; group + 2 <= task.groups; group += 2) all_tokens<2>(task, group);
  if (group < task.groups) all_tokens<1>(task, group);
}

}  // namespace bh::engine
