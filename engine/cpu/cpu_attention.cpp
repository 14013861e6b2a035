// Attention of the default numerics. Each row's past is cut into blocks by absolute position, whatever the number of
// threads or rows, and the blocks are merged in ascending order: the bits depend on the position alone.
#include <algorithm>

#include "engine/base/exact_math.h"
#include "engine/cpu/cpu_backend.h"

namespace bh::engine {
namespace {

std::int64_t blocks_up_to(std::int64_t position) { return position / kAttentionBlock + 1; }

}  // namespace

/// A partial result: out [heads, value_stride], then max [heads], then sum [heads], for the heads of one KV head.
std::int64_t CpuBackend::partial_floats() const noexcept {
  const Config& config = model_->config;
  const std::int64_t heads = config.n_head / config.n_head_kv;
  return round_up(heads * round_up(config.head_dim, 16) + 2 * heads, 16);
}

void CpuBackend::attend_block(int layer, std::int64_t row, std::int64_t kv_head, std::int64_t block,
                              float* partial) noexcept {
  const Config& config = model_->config;
  const StepRow& step = rows_[static_cast<std::size_t>(row)];
  const auto& cache = *static_cast<const CpuKvCache*>(step.cache);
  const std::int64_t heads = config.n_head / config.n_head_kv;
  float* max = partial + heads * cache.value_stride();
  const bool int8 = cache.int8();
  const auto attention = int8 ? kernels_.floats->attention_block_int8 : kernels_.floats->attention_block;
  attention({.q = q_.row(row) + kv_head * heads * config.head_dim,
             .heads = heads,
             .head_dim = config.head_dim,
             .keys = cache.keys(layer, kv_head, block),
             .values = cache.values(layer, kv_head, block),
             .value_stride = cache.value_stride(),
             .count = std::min(kAttentionBlock, step.position + 1 - block * kAttentionBlock),
             .scale = attention_scale_,
             .out = partial,
             .max = max,
             .sum = max + heads,
             .key_scales = int8 ? cache.key_scales(layer, kv_head, block) : nullptr,
             .value_scales = int8 ? cache.value_scales(layer, kv_head, block) : nullptr});
}

void CpuBackend::merge_partial(float* total, const float* partial) const noexcept {
  const Config& config = model_->config;
  const std::int64_t heads = config.n_head / config.n_head_kv, stride = round_up(config.head_dim, 16);
  const std::int64_t max = heads * stride, sum = max + heads;
  for (std::int64_t h = 0; h < heads; ++h) {
    kernels_.floats->attention_merge(total + h * stride, total + max + h, total + sum + h, partial + h * stride,
                                     partial[max + h], partial[sum + h], stride);
  }
}

void CpuBackend::finish_attention(std::int64_t row, std::int64_t kv_head, const float* total) noexcept {
  const Config& config = model_->config;
  const std::int64_t heads = config.n_head / config.n_head_kv, stride = round_up(config.head_dim, 16);
  const float* sum = total + heads * stride + heads;
  float* dst = attention_.row(row) + kv_head * heads * config.head_dim;
  for (std::int64_t h = 0; h < heads; ++h) {
    for (std::int64_t d = 0; d < config.head_dim; ++d) dst[h * config.head_dim + d] = total[h * stride + d] / sum[h];
  }
  const StepRow& step = rows_[static_cast<std::size_t>(row)];
  count(static_cast<const CpuKvCache*>(step.cache)->int8() ? kAttentionInt8 : kAttention, heads);
}

void CpuBackend::attend_one_answer(int layer) {
  const std::int64_t kv_heads = model_->config.n_head_kv, tasks = n_rows_ * kv_heads, size = partial_floats();
  std::int64_t most_blocks = 1;
  for (const StepRow& row : rows_) most_blocks = std::max(most_blocks, blocks_up_to(row.position));

  if (most_blocks == 1 || tasks >= 4 * pool_.threads()) {
    pool_.run(tasks, [&](std::int64_t task, int thread) {
      const std::int64_t row = task / kv_heads, kv_head = task % kv_heads;
      float* total = scratch_.data() + thread * scratch_stride_;
      float* partial = total + size;
      attend_block(layer, row, kv_head, 0, total);
      const std::int64_t blocks = blocks_up_to(rows_[static_cast<std::size_t>(row)].position);
      for (std::int64_t block = 1; block < blocks; ++block) {
        attend_block(layer, row, kv_head, block, partial);
        merge_partial(total, partial);
      }
      finish_attention(row, kv_head, total);
    });
    return;
  }
  // Few rows with a long past: the blocks themselves are shared out.
  partials_.resize(static_cast<std::size_t>(tasks * most_blocks * size));
  const auto partial = [&](std::int64_t task, std::int64_t block) {
    return partials_.data() + (task * most_blocks + block) * size;
  };
  pool_.run(tasks * most_blocks, [&](std::int64_t item, int) {
    const std::int64_t task = item / most_blocks, block = item % most_blocks, row = task / kv_heads;
    if (block < blocks_up_to(rows_[static_cast<std::size_t>(row)].position)) {
      attend_block(layer, row, task % kv_heads, block, partial(task, block));
    }
  });
  pool_.run(tasks, [&](std::int64_t task, int) {
    const std::int64_t row = task / kv_heads;
    const std::int64_t blocks = blocks_up_to(rows_[static_cast<std::size_t>(row)].position);
    for (std::int64_t block = 1; block < blocks; ++block) merge_partial(partial(task, 0), partial(task, block));
    finish_attention(row, task % kv_heads, partial(task, 0));
  });
}

}  // namespace bh::engine
