// Attention over one block of positions, written once over Vec like the other float kernels, which include it. Keys are
// interleaved so that a lane is a position, values so that a lane is a dimension: no sum crosses lanes but the last.

namespace bh::engine {
namespace {

constexpr int kRegisterHeads = 4;

template <class Element>
inline constexpr bool kScaled = false;
template <>
inline constexpr bool kScaled<Int8> = true;

/// Scores, then weights, of a row and head. kRows rows of kHeads heads share what is loaded of keys and values.
template <int kRows, int kHeads>
struct Scores {
  alignas(64) float of[kRows][kHeads][kAttentionBlock];
};

/// Vectors of positions or dimensions whose sums are formed side by side where registers hold them: the sums of one
/// vector of few heads would wait for each other.
template <int kRows, int kHeads>
inline constexpr int kVectors = 2 * kRows* kHeads <= kRegisterRows* kRegisterHeads ? 2 : 1;

/// Scores of the kTiles * 16 positions from `at` on: lane = position, dimensions in index order.
template <class Element, int kTiles, int kRows, int kHeads>
inline void score_positions(const AttentionTask& task, std::int64_t row, std::int64_t head,
                            Scores<kRows, kHeads>& scores, std::int64_t at) {
  const auto* keys = static_cast<const typename Element::Value*>(task.keys) + at * task.head_dim;
  const auto* values = static_cast<const typename Element::Value*>(task.values) + at * task.value_stride;
  Vec dot[kTiles][kRows][kHeads];
  for (auto& tile : dot) {
    for (auto& of_row : tile) {
      for (Vec& sum : of_row) sum = set1(0.0f);
    }
  }
  const float* q = task.q + row * task.q_stride + head * task.head_dim;
  for (std::int64_t d = 0; d < task.head_dim; ++d) {
    Vec key[kTiles];
    for (int t = 0; t < kTiles; ++t) {
      const std::int64_t offset = (t * task.head_dim + d) * kKeyLanes;
      key[t] = Element::load16(keys + offset);
      if constexpr (kRows == 1) {  // several rows find what the first ones have read
        prefetch_into_second_cache(keys + kTiles * task.head_dim * kKeyLanes + offset);
        prefetch_into_second_cache(values + offset);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int h = 0; h < kHeads; ++h) {
        const Vec of_query = set1(q[r * task.q_stride + h * task.head_dim + d]);
        for (int t = 0; t < kTiles; ++t) dot[t][r][h] = fma(of_query, key[t], dot[t][r][h]);
      }
    }
  }
  for (int t = 0; t < kTiles; ++t, at += kKeyLanes) {
    for (int r = 0; r < kRows; ++r) {
      for (int h = 0; h < kHeads; ++h) {
        Vec score = dot[t][r][h];
        if constexpr (kScaled<Element>) score = mul(score, load(task.key_scales + at));
        store(scores.of[r][h] + at, mul(score, set1(task.scale)));
      }
    }
  }
}

/// Turns the scores of one row and head into weights, and leaves their largest and their sum.
template <class Element>
inline void weigh_scores(const AttentionTask& task, std::int64_t count, float* scores, float* max_score, float* total) {
  const std::int64_t padded = round_up(count, kKeyLanes);
  for (std::int64_t p = count; p < padded; ++p) scores[p] = -__builtin_inff();
  Vec largest = set1(-__builtin_inff());
  for (std::int64_t p = 0; p < padded; p += 16) largest = max(load(scores + p), largest);
  const float peak = reduce_max(largest);
  Vec sum = set1(0.0f);
  for (std::int64_t p = 0; p < padded; p += 16) {
    Vec weight = exp_lanes(sub(load(scores + p), set1(peak)));
    sum = add(sum, weight);
    if constexpr (kScaled<Element>) weight = mul(weight, load(task.value_scales + p));
    store(scores + p, weight);
  }
  *max_score = peak;
  *total = reduce_add(sum);
}

/// Weighted sum of the block's values for the kParts * 16 dimensions from d on: lane = dimension, positions in order.
template <class Element, int kParts, int kRows, int kHeads>
inline void weigh_values(const AttentionTask& task, std::int64_t row, std::int64_t head,
                         const Scores<kRows, kHeads>& weights, std::int64_t d) {
  const auto* values = static_cast<const typename Element::Value*>(task.values) + d;
  const std::int64_t count = task.count + row * task.more;
  Vec sum[kRows][kHeads][kParts];
  for (auto& of_row : sum) {
    for (auto& of_head : of_row) {
      for (Vec& part : of_head) part = set1(0.0f);
    }
  }
  const auto add_position = [&](std::int64_t p, int first_row) {
    Vec value[kParts];
    for (int i = 0; i < kParts; ++i) value[i] = Element::load16(values + p * task.value_stride + 16 * i);
    for (int r = 0; r < kRows; ++r) {
      if (r < first_row) continue;
      for (int h = 0; h < kHeads; ++h) {
        const Vec weight = set1(weights.of[r][h][p]);
        for (int i = 0; i < kParts; ++i) sum[r][h][i] = fma(weight, value[i], sum[r][h][i]);
      }
    }
  };
  for (std::int64_t p = 0; p < count; ++p) add_position(p, 0);
  // Later rows see a position or two more.
  for (int r = 1; r < kRows; ++r) {
    if (task.more > 0) add_position(count + r - 1, r);
  }
  for (int r = 0; r < kRows; ++r) {
    float* out = task.out + (row + r) * task.out_stride + head * task.value_stride + d;
    for (int h = 0; h < kHeads; ++h, out += task.value_stride) {
      for (int i = 0; i < kParts; ++i) store(out + 16 * i, sum[r][h][i]);
    }
  }
}

template <class Element, int kRows, int kHeads>
void attend_heads(const AttentionTask& task, std::int64_t row, std::int64_t head) {
  constexpr int kSideBySide = kVectors<kRows, kHeads>;
  Scores<kRows, kHeads> scores;
  const std::int64_t most = task.count + (row + kRows - 1) * task.more;
  std::int64_t position = 0, d = 0;
  for (; position + kSideBySide * kKeyLanes <= most; position += kSideBySide * kKeyLanes) {
    score_positions<Element, kSideBySide>(task, row, head, scores, position);
  }
  for (; position < most; position += kKeyLanes) score_positions<Element, 1>(task, row, head, scores, position);
  for (int r = 0; r < kRows; ++r) {
    for (int h = 0; h < kHeads; ++h) {
      const std::int64_t at = (row + r) * task.out_stride + head + h;
      weigh_scores<Element>(task, task.count + (row + r) * task.more, scores.of[r][h], task.max + at, task.sum + at);
    }
  }
  for (; d + kSideBySide * 16 <= task.value_stride; d += kSideBySide * 16) {
    weigh_values<Element, kSideBySide>(task, row, head, scores, d);
  }
  for (; d < task.value_stride; d += 16) weigh_values<Element, 1>(task, row, head, scores, d);
}

template <class Element, int kRows>
void attend_rows(const AttentionTask& task, std::int64_t row) {
  std::int64_t head = 0;
  for (; head + 4 <= task.heads; head += 4) attend_heads<Element, kRows, 4>(task, row, head);
  for (; head + 2 <= task.heads; head += 2) attend_heads<Element, kRows, 2>(task, row, head);
  for (; head < task.heads; ++head) attend_heads<Element, kRows, 1>(task, row, head);
}

template <class Element>
void attention_block(const AttentionTask& task) noexcept {
  std::int64_t row = 0;
  for (; row + kRegisterRows <= task.rows; row += kRegisterRows) attend_rows<Element, kRegisterRows>(task, row);
  for (; row < task.rows; ++row) attend_rows<Element, 1>(task, row);
}

void attention_merge(float* out, float* max_so_far, float* sum, const float* block_out, float block_max,
                     float block_sum, std::int64_t value_stride) noexcept {
  const float peak = *max_so_far > block_max ? *max_so_far : block_max;
  alignas(64) float factors[16] = {*max_so_far - peak, block_max - peak};
  exp_array(factors, 16, factors);
  const float old_factor = factors[0], new_factor = factors[1];
  *max_so_far = peak;
  *sum = __builtin_fmaf(*sum, old_factor, block_sum * new_factor);
  for (std::int64_t d = 0; d < value_stride; d += 16) {
    store(out + d, fma(load(out + d), set1(old_factor), mul(load(block_out + d), set1(new_factor))));
  }
}

}  // namespace
}  // namespace bh::engine
