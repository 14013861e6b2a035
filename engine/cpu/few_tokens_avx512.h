// The ternary product of a few tokens with AVX-512 VNNI, once for both layouts of weights. Lane = row, so there are no
// horizontal sums.
#pragma once

#include <immintrin.h>

#include "engine/base/prefetch.h"
#include "engine/cpu/broadcast_x86.h"
#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

/// Four fields of two bits. Masks without shifts leave them scaled by 1, 4, 16 and 64.
struct ScaledFields {
  __m512i masks[4] = {_mm512_set1_epi8(0x03), _mm512_set1_epi8(0x0c), _mm512_set1_epi8(0x30), _mm512_set1_epi8(-0x40)};

  __m512i field(__m512i packed, int f) const { return _mm512_and_si512(packed, masks[f]); }
  /// The sum of four fields' products without their scales.
  static __m512i join(const __m512i* sums) {
    const __m512i low = _mm512_add_epi32(sums[0], _mm512_srai_epi32(sums[1], 2));
    const __m512i high = _mm512_add_epi32(_mm512_srai_epi32(sums[2], 4), _mm512_srai_epi32(sums[3], 6));
    return _mm512_add_epi32(low, high);
  }
};

/// One group with all of a few tokens from `token` on: the weights are read as one stream, which memory serves fastest.
/// `Layout` has kFields fields a step, decode(bytes, fields) gives them scaled, and join(sums) undoes the scales once
/// at the end. With one token, kSets sets of sums, each of every kSets-th step, hide the latency of the multiply.
template <class Layout, int kTokens, int kSets>
void few_tokens(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  const std::uint8_t* weights = task.weights + group * task.steps * kStepBytes;
  const std::int8_t* codes = task.codes + token * task.code_stride;
  const Layout layout;
  __m512i sums[kSets][kTokens][Layout::kFields];
  for (auto& set : sums) {
    for (auto& fields : set) {
      for (__m512i& sum : fields) sum = _mm512_setzero_si512();
    }
  }
  const auto add_step = [&](__m512i(&set)[kTokens][Layout::kFields]) {
    prefetch_stream(weights);
    __m512i fields[Layout::kFields];
    layout.decode(_mm512_loadu_si512(weights), fields);
    for (int f = 0; f < Layout::kFields; ++f) {
      for (int t = 0; t < kTokens; ++t) {
        const __m512i inputs = broadcast_512(codes + t * task.code_stride + kFieldCols * f);
        set[t][f] = _mm512_dpbusd_epi32(set[t][f], fields[f], inputs);
      }
    }
    weights += kStepBytes;
    codes += Layout::kFields * kFieldCols;
  };
  std::int64_t step = 0;
  for (; step + kSets <= task.steps; step += kSets) {
    for (int i = 0; i < kSets; ++i) add_step(sums[i]);
  }
  if (step < task.steps) add_step(sums[0]);
  for (int t = 0; t < kTokens; ++t) {
    __m512i* s = sums[0][t];
    for (int i = 1; i < kSets; ++i) {
      for (int f = 0; f < Layout::kFields; ++f) s[f] = _mm512_add_epi32(s[f], sums[i][t][f]);
    }
    _mm512_storeu_si512(task.sums + (group * task.tokens + token + t) * kGroupRows, Layout::join(s));
  }
}

}  // namespace
}  // namespace bh::engine
