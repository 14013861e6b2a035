#include "engine/cpu/cpu_reference.h"

#include <algorithm>
#include <cmath>

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

namespace {

/// e^x for x <= 0 as the reference computes it: the single-precision exponential of Arm's optimized routines.
float reference_exp(float x) noexcept {
  const float shifted = std::fma(x, 0x1.715476p+0f, 0x1.8p23f);
  const float n = shifted - 0x1.8p23f;
  if (n < -192.0f) return 0.0f;
  const float b = std::fma(-n, 0x1.7f7d1cp-20f, std::fma(-n, 0x1.62e4p-1f, x));
  const float u = b * b;
  const float high = std::fma(0x1.0e4020p-7f, b, 0x1.573e2ep-5f), low = std::fma(0x1.555e66p-3f, b, 0x1.fffdb6p-2f);
  const float j = std::fma(std::fma(high, u, low), u, std::fma(0x1.ffffecp-1f, b, 1.0f));
  return std::ldexp(j, static_cast<int>(n));
}

/// y[rows] = halves [rows, cols] times x, which holds values of half precision: 64 partial sums over whole multiples
/// of 64 columns, the others added one by one in double.
void reference_half_rows(const DenseKernels& kernels, const std::uint16_t* halves, std::int64_t stride,
                         std::int64_t rows, std::int64_t cols, const float* x, float* y) noexcept {
  const std::int64_t whole = cols / kPad * kPad;
  kernels.f16({reinterpret_cast<const std::byte*>(halves), stride * 2, rows, whole, x, 0, 1, y, 0});
  for (std::int64_t row = 0; row < rows && whole < cols; ++row) {
    double sum = static_cast<double>(y[row]);
    for (std::int64_t i = whole; i < cols; ++i) {
      sum += static_cast<double>(half_to_float(halves[row * stride + i]) * x[i]);
    }
    y[row] = static_cast<float>(sum);
  }
}

}  // namespace

void reference_softmax(float* scores, std::int64_t n, float scale) noexcept {
  float largest = -INFINITY;
  for (std::int64_t i = 0; i < n; ++i) {
    scores[i] *= scale;
    largest = std::max(largest, scores[i]);
  }
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; i += 16) {
    float lanes[16] = {};
    for (std::int64_t j = i; j < std::min(n, i + 16); ++j) {
      lanes[j - i] = scores[j] = reference_exp(scores[j] - largest);
    }
    for (int half = 8; half > 0; half /= 2) {
      for (int j = 0; j < half; ++j) lanes[j] += lanes[j + half];
    }
    sum += static_cast<double>(lanes[0]);
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
  const auto* keys = reinterpret_cast<const std::uint16_t*>(cache.keys(layer, kv_head, 0));
  const auto* values = reinterpret_cast<const std::uint16_t*>(cache.values(layer, kv_head, 0));
  reference_half_rows(*kernels_.dense, keys, dim, past, dim, q, scores);
  reference_softmax(scores, past, attention_scale_);
  float* out = attention_.row(row) + head * dim;
  if (single) {
    round_row_to_half(scores, past);
    reference_half_rows(*kernels_.dense, values, cache.value_stride(), dim, past, scores, out);
  } else {
    kernels_.dense->f16_sixteen_lanes({reinterpret_cast<const std::byte*>(values), cache.value_stride() * 2, dim, past,
                                       scores, padded_past, 1, out, dim});
  }
}

}  // namespace bh::engine
