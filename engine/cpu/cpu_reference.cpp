#include "engine/cpu/cpu_reference.h"

#include <algorithm>
#include <cmath>

#include "engine/base/exact_math.h"
#include "engine/base/float_types.h"
#include "engine/cpu/cpu_backend.h"

namespace bh::engine {

void reference_rms_norm(const float* x, const float* weight, std::int64_t n, float eps, float* y) noexcept {
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i] * x[i]);
  const auto mean = static_cast<float>(sum / static_cast<double>(n));
  const float scale = 1.0f / std::sqrt(mean + eps);
  for (std::int64_t i = 0; i < n; ++i) {
    const float scaled = x[i] * scale;
    y[i] = scaled * weight[i];
  }
}

void round_row_to_half(float* x, std::int64_t n) noexcept {
  for (std::int64_t i = 0; i < n; ++i) x[i] = half_to_float(float_to_half(x[i]));
}

void reference_softmax(float* scores, std::int64_t n, float scale) noexcept {
  float largest = -INFINITY;
  for (std::int64_t i = 0; i < n; ++i) {
    scores[i] *= scale;
    largest = std::max(largest, scores[i]);
  }
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    const float difference = scores[i] - largest;
    // Half an ulp at most, as near to the reference's polynomial as that is to the exact value.
    scores[i] = difference < -87.0f ? 0.0f : static_cast<float>(exact_exp(static_cast<double>(difference)));
    sum += static_cast<double>(scores[i]);
  }
  const auto inverse = static_cast<float>(1.0 / sum);
  for (std::int64_t i = 0; i < n; ++i) scores[i] *= inverse;
}

void CpuBackend::attend_reference(int layer) {
  const bool single = reference_single(n_rows_);
  const std::int64_t heads = model_->config.n_head;
  pool_.run(n_rows_ * heads, [&](std::int64_t task, int thread) {
    attend_reference_head(layer, task / heads, task % heads, single, thread);
  });
  count(kReferenceAttention, n_rows_ * heads);
}

void CpuBackend::attend_reference_head(int layer, std::int64_t row, std::int64_t head, bool single,
                                       int thread) noexcept {
  const Config& config = model_->config;
  const StepRow& step = rows_[static_cast<std::size_t>(row)];
  const auto& cache = *static_cast<const CpuKvCache*>(step.cache);
  const std::int64_t kv_head = head / (config.n_head / config.n_head_kv), dim = config.head_dim;
  const std::int64_t past = step.position + 1, padded_past = round_up(past, kPad), padded_dim = round_up(dim, kPad);

  float* q = scratch_.data() + thread * scratch_stride_;
  float* scores = q + padded_dim;
  std::fill(q, scores + padded_past, 0.0f);
  std::copy_n(q_.row(row) + head * dim, dim, q);
  round_row_to_half(q, dim);
  kernels_.dense->f16({reinterpret_cast<const std::byte*>(cache.keys(layer, kv_head)), dim * 2, past, dim, q,
                       padded_dim, 1, scores, padded_past});
  reference_softmax(scores, past, attention_scale_);
  if (single) round_row_to_half(scores, past);
  const DenseKernel weigh = single ? kernels_.dense->f16 : kernels_.dense->f16_sixteen_lanes;
  weigh({reinterpret_cast<const std::byte*>(cache.values(layer, kv_head)), cache.value_stride() * 2, dim, past, scores,
         padded_past, 1, attention_.row(row) + head * dim, dim});
}

}  // namespace bh::engine
