// The ternary product with AVX-512 VNNI: lane = row, so there are no horizontal sums and any multiple of 16 columns
// fits.
#include <immintrin.h>

#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kPrefetchBytes = 8192;  // ahead of the packed stream; nearer ones measured slower

inline __m512i broadcast(const std::int8_t* codes) {
  std::int32_t word;
  __builtin_memcpy(&word, codes, 4);
  return _mm512_set1_epi32(word);
}

/// One group with all of up to four tokens: the weights are read as one stream, which memory serves fastest. Masks
/// without shifts leave each field's products scaled by 1, 4, 16 or 64, undone once at the end. The sums of four
/// fields, with one token in kSets sets of every kSets-th step, hide the latency of the multiply.
template <int kTokens, int kSets>
void few_tokens(const TernaryTask& task, std::int64_t group) {
  const std::uint8_t* weights = task.weights + group * task.steps * kStepBytes;
  const std::int8_t* codes = task.codes;
  const __m512i masks[4] = {_mm512_set1_epi8(0x03), _mm512_set1_epi8(0x0c), _mm512_set1_epi8(0x30),
                            _mm512_set1_epi8(-0x40)};
  __m512i sums[kSets][kTokens][4];
  for (auto& set : sums) {
    for (auto& fields : set) {
      for (__m512i& sum : fields) sum = _mm512_setzero_si512();
    }
  }
  const auto add_step = [&](__m512i(&set)[kTokens][4]) {
    _mm_prefetch(reinterpret_cast<const char*>(weights + kPrefetchBytes), _MM_HINT_T0);
    const __m512i packed = _mm512_loadu_si512(weights);
    for (int f = 0; f < 4; ++f) {
      const __m512i field = _mm512_and_si512(packed, masks[f]);
      for (int t = 0; t < kTokens; ++t) {
        set[t][f] = _mm512_dpbusd_epi32(set[t][f], field, broadcast(codes + t * task.code_stride + 4 * f));
      }
    }
    weights += kStepBytes;
    codes += kStepCols;
  };
  std::int64_t step = 0;
  for (; step + kSets <= task.steps; step += kSets) {
    for (int i = 0; i < kSets; ++i) add_step(sums[i]);
  }
  if (step < task.steps) add_step(sums[0]);
  for (int t = 0; t < kTokens; ++t) {
    __m512i* s = sums[0][t];
    for (int i = 1; i < kSets; ++i) {
      for (int f = 0; f < 4; ++f) s[f] = _mm512_add_epi32(s[f], sums[i][t][f]);
    }
    const __m512i low = _mm512_add_epi32(s[0], _mm512_srai_epi32(s[1], 2));
    const __m512i high = _mm512_add_epi32(_mm512_srai_epi32(s[2], 4), _mm512_srai_epi32(s[3], 6));
    _mm512_storeu_si512(task.sums + (group * task.tokens + t) * kGroupRows, _mm512_add_epi32(low, high));
  }
}

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
      _mm_prefetch(reinterpret_cast<const char*>(weights + g * group_bytes + kPrefetchBytes), _MM_HINT_T0);
      packed[g] = _mm512_loadu_si512(weights + g * group_bytes);
    }
    for (int f = 0; f < 4; ++f) {
      __m512i field[kGroups];
      for (int g = 0; g < kGroups; ++g) {
        field[g] = _mm512_and_si512(packed[g], mask);
        packed[g] = _mm512_srli_epi16(packed[g], 2);
      }
      for (int t = 0; t < kTokens; ++t) {
        const __m512i a = broadcast(codes + t * task.code_stride + 4 * f);
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
        few_tokens<1, 2>(task, group);
        break;
      case 2:
        few_tokens<2, 1>(task, group);
        break;
      case 3:
        few_tokens<3, 1>(task, group);
        break;
      default:
        few_tokens<4, 1>(task, group);
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
