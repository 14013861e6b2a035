// The ternary product with AVX-512 VNNI. Lane = row, so there are no horizontal sums. Included by the one source of
// each layout of weights, which says in a struct where the fields of a step are:
//
//   static constexpr int kFields;                          // of a step
//   using Step;
//   Step decode(__m512i bytes) const;
//   static __m512i plain(const Step& step, int f);         // has field f of each byte in that byte
//   static __m512i scaled(const Step& step, int f);        // the same times 4^place(f)
//   static constexpr int place(int f);
#include <immintrin.h>

#include "engine/base/prefetch.h"
#include "engine/cpu/broadcast_x86.h"
#include "engine/cpu/kernels.h"
#include "engine/cpu/token_counts.h"

namespace bh::engine {
namespace {

/// The most tokens whose sums, one of each field, registers hold.
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

/// Fetches where results will be stored: a line that is not there yet would be waited for after the multiplication.
inline void fetch_results(const TernaryTask& task, std::int64_t group, int groups, std::int64_t token, int tokens) {
  if (task.y == nullptr) return;
  for (int t = 0; t < tokens; ++t) {
    const float* const y = task.y + (token + t) * task.y_stride + group * kGroupRows;
    for (int g = 0; g < groups; ++g) _mm_prefetch(reinterpret_cast<const char*>(y + g * kGroupRows), _MM_HINT_T0);
  }
}

/// Adds a field's products: what is loaded of the codes serves all groups.
template <int kGroups, int kTokens>
inline void multiply_field(const __m512i (&field)[kGroups], const std::int8_t* codes, std::int64_t code_stride,
                           __m512i (&sums)[kGroups][kTokens]) {
  for (int t = 0; t < kTokens; ++t) {
    const __m512i inputs = broadcast_512(codes + t * code_stride);
    for (int g = 0; g < kGroups; ++g) sums[g][t] = multiply_add(sums[g][t], field[g], inputs);
  }
}

/// A step of kGroups groups, the first of which is at `weights`. Meanwhile steps that come later, of the next groups at
/// the end, are fetched from memory.
template <class Layout, int kGroups>
inline void decode_step(const Layout& layout, const std::uint8_t* weights, std::int64_t steps, std::int64_t step,
                        typename Layout::Step (&packed)[kGroups]) {
  constexpr std::int64_t kAhead = 24;
  const std::int64_t group_bytes = steps * kStepBytes;
  const std::int64_t ahead = kAhead * kStepBytes + (step + kAhead < steps ? 0 : (kGroups - 1) * group_bytes);
  for (int g = 0; g < kGroups; ++g) {
    const std::uint8_t* const bytes = weights + g * group_bytes + step * kStepBytes;
    _mm_prefetch(reinterpret_cast<const char*>(bytes + ahead), _MM_HINT_T0);
    packed[g] = layout.decode(_mm512_loadu_si512(bytes));
  }
}

/// kGroups groups with some tokens. Each step is unpacked where it is multiplied.
template <class Layout, int kGroups, int kTokens>
void some_tokens(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  const std::uint8_t* const weights = task.weights + group * task.steps * kStepBytes;
  const std::int8_t* codes = task.codes + token * task.code_stride;
  const Layout layout;
  fetch_results(task, group, kGroups, token, kTokens);
  __m512i sums[kGroups][kTokens];
  for (auto& of_group : sums) {
    for (__m512i& sum : of_group) sum = _mm512_setzero_si512();
  }
  for (std::int64_t step = 0; step < task.steps; ++step) {
    typename Layout::Step packed[kGroups];
    decode_step(layout, weights, task.steps, step, packed);
    for (int f = 0; f < Layout::kFields; ++f, codes += kFieldCols) {
      __m512i field[kGroups];
      for (int g = 0; g < kGroups; ++g) field[g] = Layout::plain(packed[g], f);
      multiply_field(field, codes, task.code_stride, sums);
    }
  }
  for (int g = 0; g < kGroups; ++g) {
    for (int t = 0; t < kTokens; ++t) {
      _mm512_storeu_si512(task.sums + ((group + g) * task.tokens + token + t) * kGroupRows, sums[g][t]);
    }
  }
}

/// kGroups groups with more tokens, where unpacking takes the multiplier's time: steps are unpacked once for all
/// tokens, a block of them beside the products of the block before.
template <class Layout, int kGroups>
class Groups {
 public:
  Groups(const TernaryTask& task, std::int64_t group)
      : task_(task), group_(group), weights_(task.weights + group * task.steps * kStepBytes) {}

  void multiply() {
    for (std::int64_t step = 0; step < kBlockSteps && step < task_.steps; ++step) unpack(step);
    for (step_ = 0; step_ < task_.steps; step_ += kBlockSteps) {
      in_equal_parts<(kMostTokens + 1) / 2, kMostTokens>(
          task_.tokens, [&](std::int64_t token, auto count) { multiply_block<count.value>(token); });
    }
  }

 private:
  static constexpr int kFields = Layout::kFields;
  static constexpr int kMostTokens = 12;           // whose sums of two groups registers hold beside fields and an input
  static constexpr std::int64_t kBlockSteps = 16;  // the fields of two blocks stay in the first cache

  void unpack(std::int64_t step) {
    typename Layout::Step packed[kGroups];
    decode_step(layout_, weights_, task_.steps, step, packed);
    auto& fields = fields_[step % (2 * kBlockSteps)];
    for (int f = 0; f < kFields; ++f) {
      for (int g = 0; g < kGroups; ++g) fields[f][g] = Layout::plain(packed[g], f);
    }
  }

  /// The block with kTokens tokens from `token` on.
  template <int kTokens>
  void multiply_block(std::int64_t token) {
    const std::int64_t end = step_ + kBlockSteps < task_.steps ? step_ + kBlockSteps : task_.steps;
    if (end == task_.steps) fetch_results(task_, group_, kGroups, token, kTokens);
    // Unpacks the next block beside the first tokens. The bound is found here: asking for the token in each step is
    // slower.
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
        multiply_field(fields[f], codes, task_.code_stride, sums);
      }
    }
    for (int g = 0; g < kGroups; ++g) {
      for (int t = 0; t < kTokens; ++t) _mm512_storeu_si512(dst + g * group_sums + t * kGroupRows, sums[g][t]);
    }
  }

  const TernaryTask& task_;
  const std::int64_t group_;
  const std::uint8_t* const weights_;
  const Layout layout_{};
  std::int64_t step_ = 0;  // the block's first
  __m512i fields_[2 * kBlockSteps][kFields][kGroups];
};

/// Two groups, or the last one, with all tokens: more than are few.
template <class Layout, int kGroups>
void many_tokens(const TernaryTask& task, std::int64_t group) {
  constexpr int kMost = 10;  // whose sums of two groups registers hold beside fields, an input and tables
  static_assert((kMost + 1) / 2 <= kFewTokens<Layout> + 1, "no fewer than the least part come here");
  if (task.unpack_once && task.tokens > kMost) return Groups<Layout, kGroups>(task, group).multiply();
  in_equal_parts<(kMost + 1) / 2, kMost>(task.tokens, [&](std::int64_t token, auto count) {
    some_tokens<Layout, kGroups, count.value>(task, group, token);
  });
}

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
  for (; group + 2 <= task.groups; group += 2) many_tokens<Layout, 2>(task, group);
  if (group < task.groups) many_tokens<Layout, 1>(task, group);
}

}  // namespace
}  // namespace bh::engine
