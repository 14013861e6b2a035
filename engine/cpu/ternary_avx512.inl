// The ternary product with AVX-512 VNNI. Lane = row, so there are no horizontal sums. Included by the one source of
// each layout of weights, which says in a struct where the fields of a step are:
//
//   static constexpr int kFields;                          // of a step
//   using Step;
//   Step decode(__m512i bytes) const;
//   static __m512i scaled(const Step& step, int f);        // field f of each byte times
//   static constexpr int place(int f);                     // 4^place(f)
//   static __m512i plain(const Step& step, int f);         // the same, not scaled
#include <immintrin.h>

#include "engine/base/prefetch.h"
#include "engine/cpu/broadcast_x86.h"
#include "engine/cpu/kernels.h"
#include "engine/cpu/token_counts.h"

namespace bh::engine {
namespace {

/// So many tokens' sums, one of each field, are held by registers.
template <class Layout>
constexpr int kFewTokens = 25 / Layout::kFields;

/// One group with few tokens, which wait for memory. Nothing is spent on scales, for products are added up by field and
/// the scales undone once at the end.
template <class Layout, int kTokens>
void few_tokens(const TernaryTask& task, std::int64_t group) {
  constexpr int kSets = kTokens == 1 ? 2 : 1;  // of sums, each of every other step: one would wait for its last product
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
    const auto packed = layout.decode(_mm512_loadu_si512(weights));
    for (int f = 0; f < Layout::kFields; ++f) {
      const __m512i field = Layout::scaled(packed, f);
      for (int t = 0; t < kTokens; ++t) {
        const __m512i inputs = broadcast_512(codes + t * task.code_stride + kFieldCols * f);
        set[t][f] = multiply_add(set[t][f], field, inputs);
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
    __m512i total = _mm512_setzero_si512();
    for (int f = 0; f < Layout::kFields; ++f) {
      __m512i scaled = sums[0][t][f];
      for (int i = 1; i < kSets; ++i) scaled = _mm512_add_epi32(scaled, sums[i][t][f]);
      total = _mm512_add_epi32(total, _mm512_srai_epi32(scaled, static_cast<unsigned>(2 * Layout::place(f))));
    }
    _mm512_storeu_si512(task.sums + (group * task.tokens + t) * kGroupRows, total);
  }
}

/// kGroups groups with more tokens: the multiplier is the limit. Steps are unpacked once for all tokens, a block of
/// them beside the products of the block before, and what is loaded of the codes serves all groups.
template <class Layout, int kGroups>
class Groups {
 public:
  Groups(const TernaryTask& task, std::int64_t group)
      : task_(task), group_(group), weights_(task.weights + group * group_bytes()) {}

  void multiply() {
    for (std::int64_t step = 0; step < kBlockSteps && step < task_.steps; ++step) unpack(step);
    for (step_ = 0; step_ < task_.steps; step_ += kBlockSteps) {
      in_equal_parts<kLeastTokens, kMostTokens>(
          task_.tokens, [&](std::int64_t token, auto count) { multiply_block<count.value>(token); });
    }
  }

 private:
  static constexpr int kFields = Layout::kFields;
  static constexpr int kMostTokens = 12;  // whose sums of two groups registers hold beside fields and an input
  static constexpr int kLeastTokens = 6;  // of a part; fewer are few
  static_assert(kLeastTokens <= kFewTokens<Layout> + 1);
  static constexpr std::int64_t kBlockSteps = 16;  // the fields of two blocks stay in the first cache

  std::int64_t group_bytes() const { return task_.steps * kStepBytes; }

  /// Meanwhile steps that come later, of the next groups at the end, are fetched from memory.
  void unpack(std::int64_t step) {
    constexpr std::int64_t kAhead = 24;
    const std::int64_t later = step + kAhead < task_.steps ? 0 : (kGroups - 1) * group_bytes();
    for (int g = 0; g < kGroups; ++g) {
      const std::uint8_t* const bytes = weights_ + g * group_bytes() + step * kStepBytes;
      _mm_prefetch(reinterpret_cast<const char*>(bytes + later + kAhead * kStepBytes), _MM_HINT_T0);
      const auto packed = layout_.decode(_mm512_loadu_si512(bytes));
      for (int f = 0; f < kFields; ++f) {
        fields_[step % (2 * kBlockSteps)][f][g] = Layout::plain(packed, f);
      }
    }
  }

  /// The block with kTokens tokens from `token` on.
  template <int kTokens>
  void multiply_block(std::int64_t token) {
    const std::int64_t end = step_ + kBlockSteps < task_.steps ? step_ + kBlockSteps : task_.steps;
    if (end == task_.steps) fetch_results(token, kTokens);
    // Unpacks the next block beside the first tokens. A bound found here: asking for the token in each step is slower.
    const std::int64_t unpacks_until = token == 0 ? task_.steps - kBlockSteps : 0;
    const std::int8_t* codes = task_.codes + token * task_.code_stride + step_ * kFields * kFieldCols;
    std::int32_t* const dst = task_.sums + (group_ * task_.tokens + token) * kGroupRows;
    const std::int64_t group_sums = task_.tokens * kGroupRows;
    __m512i sums[kGroups][kTokens];
    for (int g = 0; g < kGroups; ++g) {
      for (int t = 0; t < kTokens; ++t) {
        sums[g][t] = step_ == 0 ? _mm512_setzero_si512() : _mm512_loadu_si512(dst + g * group_sums + t * kGroupRows);
      }
    }
    for (std::int64_t step = step_; step < end; ++step) {
      if (step < unpacks_until) unpack(step + kBlockSteps);
      const auto& fields = fields_[step % (2 * kBlockSteps)];
      for (int f = 0; f < kFields; ++f, codes += kFieldCols) {
        for (int t = 0; t < kTokens; ++t) {
          const __m512i inputs = broadcast_512(codes + t * task_.code_stride);
          for (int g = 0; g < kGroups; ++g) sums[g][t] = multiply_add(sums[g][t], fields[f][g], inputs);
        }
      }
    }
    for (int g = 0; g < kGroups; ++g) {
      for (int t = 0; t < kTokens; ++t) _mm512_storeu_si512(dst + g * group_sums + t * kGroupRows, sums[g][t]);
    }
  }

  /// A line of y that is not there yet would be waited for after the multiplication.
  void fetch_results(std::int64_t token, int tokens) const {
    if (task_.y == nullptr) return;
    for (int t = 0; t < tokens; ++t) {
      const float* const y = task_.y + (token + t) * task_.y_stride + group_ * kGroupRows;
      for (int g = 0; g < kGroups; ++g) _mm_prefetch(reinterpret_cast<const char*>(y + g * kGroupRows), _MM_HINT_T0);
    }
  }

  const TernaryTask& task_;
  const std::int64_t group_;
  const std::uint8_t* const weights_;
  const Layout layout_{};
  std::int64_t step_ = 0;  // the block's first
  __m512i fields_[2 * kBlockSteps][kFields][kGroups];
};

/// All of a task.
template <class Layout>
void multiply_task(const TernaryTask& task) {
  std::int64_t group = 0;
  if (task.tokens <= kFewTokens<Layout>) {
    with_count<1, kFewTokens<Layout>>(task.tokens, [&](auto count) {
      for (; group < task.groups; ++group) few_tokens<Layout, count.value>(task, group);
    });
    return;
  }
  for (; group + 2 <= task.groups; group += 2) Groups<Layout, 2>(task, group).multiply();
  if (group < task.groups) Groups<Layout, 1>(task, group).multiply();
}

}  // namespace
}  // namespace bh::engine
