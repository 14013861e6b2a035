// Attention of the default numerics. Each row's past is cut into blocks by absolute position, whatever the number of
// threads or rows, and the blocks are merged in ascending order: the bits depend on the position alone.
#include <algorithm>

#include "engine/cpu/cpu_backend.h"

namespace bh::engine {

std::int64_t CpuBackend::blocks_seen(RowRun run) const noexcept {
  return rows_[static_cast<std::size_t>(run.first)].position / kAttentionBlock + 1;
}

/// A partial result: out [heads, value_stride], then max [heads], then sum [heads], for the heads of one KV head.
std::int64_t CpuBackend::partial_floats() const noexcept {
  const Config& config = model_->config;
  const std::int64_t heads = config.n_head / config.n_head_kv;
  return round_up(heads * round_up(config.head_dim, 16) + 2 * heads, 16);
}

/// The run of up to `most` rows that begins at `first`: rows of one sequence at consecutive positions of one block,
/// which see the same blocks.
CpuBackend::RowRun CpuBackend::row_run(std::int64_t first, std::int64_t most) const noexcept {
  RowRun run{first, 1};
  while (run.rows < most && first + run.rows < n_rows_) {
    const StepRow& last = rows_[static_cast<std::size_t>(first + run.rows - 1)];
    const StepRow& next = rows_[static_cast<std::size_t>(first + run.rows)];
    const bool follows = next.cache == last.cache && next.position == last.position + 1;
    if (!follows || next.position % kAttentionBlock == 0) break;
    ++run.rows;
  }
  return run;
}

/// Partial results of a run's rows, one after the other.
void CpuBackend::attend_block(int layer, RowRun run, std::int64_t kv_head, std::int64_t block,
                              float* partial) noexcept {
  const Config& config = model_->config;
  const StepRow& step = rows_[static_cast<std::size_t>(run.first)];
  const auto& cache = *static_cast<const CpuKvCache*>(step.cache);
  const std::int64_t heads = config.n_head / config.n_head_kv;
  const std::int64_t seen = step.position + 1 - block * kAttentionBlock;
  float* max = partial + heads * cache.value_stride();
  const bool int8 = cache.int8();
  const auto attention = int8 ? kernels_.floats->attention_block_int8 : kernels_.floats->attention_block;
  attention({.q = q_.row(run.first) + kv_head * heads * config.head_dim,
             .rows = run.rows,
             .q_stride = q_.stride,
             .heads = heads,
             .head_dim = config.head_dim,
             .keys = cache.keys(layer, kv_head, block),
             .values = cache.values(layer, kv_head, block),
             .value_stride = cache.value_stride(),
             .count = std::min(kAttentionBlock, seen),
             .more = seen < kAttentionBlock ? 1 : 0,
             .scale = attention_scale_,
             .out = partial,
             .max = max,
             .sum = max + heads,
             .out_stride = partial_floats(),
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
    kernels_.floats->divide(total + h * stride, config.head_dim, sum[h], dst + h * config.head_dim);
  }
  const StepRow& step = rows_[static_cast<std::size_t>(row)];
  count(static_cast<const CpuKvCache*>(step.cache)->int8() ? kAttentionInt8 : kAttention, heads);
}

void CpuBackend::attend_one_answer(int layer) {
  const std::int64_t kv_heads = model_->config.n_head_kv, size = partial_floats();
  // Few rows are shared out among the threads one by one.
  const std::int64_t together = kernels_.floats->attention_rows;
  const std::int64_t most = n_rows_ * kv_heads >= 4 * together * pool_.threads() ? together : 1;
  runs_.clear();
  std::int64_t most_blocks = 1, most_rows = 1;
  for (std::int64_t row = 0; row < n_rows_; row += runs_.back().rows) {
    runs_.push_back(row_run(row, most));
    most_blocks = std::max(most_blocks, blocks_seen(runs_.back()));
    most_rows = std::max(most_rows, runs_.back().rows);
  }
  const auto runs = static_cast<std::int64_t>(runs_.size()), tasks = runs * kv_heads;
  const auto run_of = [&](std::int64_t task) { return runs_[static_cast<std::size_t>(task % runs)]; };

  if (most_blocks == 1 || tasks >= 4 * pool_.threads()) {
    pool_.run(tasks, [&](std::int64_t task, int thread) {
      const RowRun run = run_of(task);
      const std::int64_t kv_head = task / runs;  // the slower index: a head's keys and values stay in a cache
      float* total = scratch_.data() + thread * scratch_stride_;
      float* partial = total + kAttentionRows * size;
      attend_block(layer, run, kv_head, 0, total);
      for (std::int64_t block = 1; block < blocks_seen(run); ++block) {
        attend_block(layer, run, kv_head, block, partial);
        for (std::int64_t r = 0; r < run.rows; ++r) merge_partial(total + r * size, partial + r * size);
      }
      for (std::int64_t r = 0; r < run.rows; ++r) finish_attention(run.first + r, kv_head, total + r * size);
    });
    return;
  }
  // Few rows with a long past: the blocks themselves are shared out.
  partials_.resize(static_cast<std::size_t>(tasks * most_blocks * most_rows * size));
  const auto partial = [&](std::int64_t task, std::int64_t block) {
    return partials_.data() + (task * most_blocks + block) * most_rows * size;
  };
  pool_.run(tasks * most_blocks, [&](std::int64_t item, int) {
    const std::int64_t task = item / most_blocks, block = item % most_blocks;
    if (block < blocks_seen(run_of(task))) {
      attend_block(layer, run_of(task), task / runs, block, partial(task, block));
    }
  });
  pool_.run(tasks, [&](std::int64_t task, int) {
    const RowRun run = run_of(task);
    for (std::int64_t r = 0; r < run.rows; ++r) {
      float* total = partial(task, 0) + r * size;
      for (std::int64_t block = 1; block < blocks_seen(run); ++block) {
        merge_partial(total, partial(task, block) + r * size);
      }
      finish_attention(run.first + r, task / runs, total);
    }
  });
}

}  // namespace bh::engine
