// The ternary product with AVX-512 VNNI. Lane = row, so there are no horizontal sums. Included by the one source of
// each layout of weights, which says in a struct how a step becomes fields:
//
//   static constexpr int kFields;                                   // of a step
//   void decode(__m512i bytes, __m512i (&fields)[kFields]) const;   // each scaled in its own way
//   static __m512i join(const __m512i* sums);                       // the sum of such fields' products, not scaled
//   using Plain;                                                    // a step, from which
//   Plain plain(__m512i bytes) const;
//   __m512i field(const Plain& step, int f) const;                  // gives a field that is not scaled
#include <immintrin.h>

#include "engine/base/prefetch.h"
#include "engine/cpu/broadcast_x86.h"
#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

/// Four fields of two bits. Masks alone leave them scaled by 1, 4, 16 and 64.
struct TwoBitFields {
  __m512i masks[4] = {_mm512_set1_epi8(0x03), _mm512_set1_epi8(0x0c), _mm512_set1_epi8(0x30), _mm512_set1_epi8(-0x40)};

  __m512i scaled(__m512i packed, int f) const { return _mm512_and_si512(packed, masks[f]); }
  /// The sum of four scaled fields' products, not scaled.
  static __m512i join(const __m512i* sums) {
    const __m512i low = _mm512_add_epi32(sums[0], _mm512_srai_epi32(sums[1], 2));
    const __m512i high = _mm512_add_epi32(_mm512_srai_epi32(sums[2], 4), _mm512_srai_epi32(sums[3], 6));
    return _mm512_add_epi32(low, high);
  }
  __m512i plain(__m512i packed, int f) const {
    return _mm512_and_si512(f == 0 ? packed : _mm512_srli_epi16(packed, static_cast<unsigned>(2 * f)), masks[0]);
  }
};

/// One group with one or two tokens, which wait for memory: nothing is spent on scales, for products are added up by
/// field and the scales undone once at the end. With one token, kSets sets of sums, each of every kSets-th step, hide
/// the latency of the multiply.
template <class Layout, int kTokens, int kSets>
void few_tokens(const TernaryTask& task, std::int64_t group) {
  const std::uint8_t* weights = task.weights + group * task.steps * kStepBytes;
  const std::int8_t* codes = task.codes;
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
    _mm512_storeu_si512(task.sums + (group * task.tokens + t) * kGroupRows, Layout::join(s));
  }
}

constexpr int kMostTokens = 8;  // whose sums of two groups registers hold beside their fields

/// With up to so many tokens weights come from memory, which serves one group after the other fastest; with more, two
/// groups share what is loaded of the codes.
constexpr int kOneStream = 16;

/// Some tokens share the fields of kGroups groups: the multiplier is the limit, and unpacking costs nothing beside it.
template <class Layout, int kGroups, int kTokens>
void many_tokens(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  constexpr int kSets = kGroups == 1 ? 2 : 1;  // of sums, each of every other field: few would wait for each other
  const std::int64_t group_bytes = task.steps * kStepBytes;
  const std::uint8_t* weights = task.weights + group * group_bytes;
  const std::int8_t* codes = task.codes + token * task.code_stride;
  const Layout layout;
  if (task.y != nullptr) {  // a line that is not there yet would be waited for after the multiplication
    for (int t = 0; t < kTokens; ++t) {
      const float* const y = task.y + (token + t) * task.y_stride + group * kGroupRows;
      for (int g = 0; g < kGroups; ++g) _mm_prefetch(reinterpret_cast<const char*>(y + g * kGroupRows), _MM_HINT_T0);
    }
  }
  __m512i sums[kSets][kGroups][kTokens];
  for (auto& set : sums) {
    for (auto& of_group : set) {
      for (__m512i& sum : of_group) sum = _mm512_setzero_si512();
    }
  }
  for (std::int64_t step = 0; step < task.steps; ++step) {
    typename Layout::Plain steps[kGroups];
    for (int g = 0; g < kGroups; ++g) {
      prefetch_stream(weights + g * group_bytes);
      steps[g] = layout.plain(_mm512_loadu_si512(weights + g * group_bytes));
    }
    for (int f = 0; f < Layout::kFields; ++f) {
      __m512i fields[kGroups];
      for (int g = 0; g < kGroups; ++g) fields[g] = layout.field(steps[g], f);
      for (int t = 0; t < kTokens; ++t) {
        const __m512i inputs = broadcast_512(codes + t * task.code_stride + kFieldCols * f);
        for (int g = 0; g < kGroups; ++g) {
          __m512i& sum = sums[f % kSets][g][t];
          sum = _mm512_dpbusd_epi32(sum, fields[g], inputs);
        }
      }
    }
    weights += kStepBytes;
    codes += Layout::kFields * kFieldCols;
  }
  for (int g = 0; g < kGroups; ++g) {
    for (int t = 0; t < kTokens; ++t) {
      __m512i sum = sums[0][g][t];
      if constexpr (kSets == 2) sum = _mm512_add_epi32(sum, sums[1][g][t]);
      _mm512_storeu_si512(task.sums + ((group + g) * task.tokens + token + t) * kGroupRows, sum);
    }
  }
}

/// kGroups groups with `tokens` tokens from `token` on: kLeast to kMost.
template <class Layout, int kGroups, int kLeast, int kMost>
void some_tokens(const TernaryTask& task, std::int64_t group, std::int64_t token, std::int64_t tokens) {
  if constexpr (kLeast < kMost) {
    if (tokens < kMost) return some_tokens<Layout, kGroups, kLeast, kMost - 1>(task, group, token, tokens);
  }
  many_tokens<Layout, kGroups, kMost>(task, group, token);
}

/// kGroups groups with all tokens, at least kTokens, in equal parts.
template <class Layout, int kGroups, int kTokens>
void all_tokens(const TernaryTask& task, std::int64_t group) {
  constexpr int kParts = (kTokens + kMostTokens - 1) / kMostTokens;
  for (std::int64_t token = 0, parts = (task.tokens + kMostTokens - 1) / kMostTokens; parts > 0; --parts) {
    const std::int64_t tokens = (task.tokens - token + parts - 1) / parts;
    some_tokens<Layout, kGroups, kTokens / kParts, kMostTokens>(task, group, token, tokens);
    token += tokens;
  }
}

/// All of a task.
template <class Layout>
void multiply_task(const TernaryTask& task) {
  std::int64_t group = 0;
  if (task.tokens > kOneStream) {
    for (; group + 2 <= task.groups; group += 2) all_tokens<Layout, 2, kOneStream + 1>(task, group);
  }
  for (; group < task.groups; ++group) {
    if (task.tokens == 1) {
      few_tokens<Layout, 1, 2>(task, group);
    } else if (task.tokens == 2) {
      few_tokens<Layout, 2, 1>(task, group);
    } else {
      all_tokens<Layout, 1, 3>(task, group);
    }
  }
}

}  // namespace
}  // namespace bh::engine
