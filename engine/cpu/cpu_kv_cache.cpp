#include "engine/cpu/cpu_kv_cache.h"

#include <algorithm>
#include <cmath>

#include "engine/base/exact_math.h"
#include "engine/base/float_types.h"

namespace bh::engine {

RopeTable::RopeTable(const Config& config, std::int64_t n_ctx, Numerics numerics) : half(config.head_dim / 2) {
  cos.resize(static_cast<std::size_t>(n_ctx * half));
  sin.resize(cos.size());
  const double base = static_cast<double>(config.rope_base);
  const double scale = 1.0 / static_cast<double>(config.rope_factor);
  std::vector<double> frequency(static_cast<std::size_t>(half));
  for (std::int64_t i = 0; i < half; ++i) {
    frequency[static_cast<std::size_t>(i)] =
        exact_pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(config.head_dim));
  }
  // The reference multiplies the angle from pair to pair, in float.
  const auto step = static_cast<float>(exact_pow(base, -2.0 / static_cast<double>(config.head_dim)));
  for (std::int64_t position = 0; position < n_ctx; ++position) {
    auto angle = static_cast<float>(position);
    for (std::int64_t i = 0; i < half; ++i, angle *= step) {
      const double exact = static_cast<double>(position) * frequency[static_cast<std::size_t>(i)] * scale;
      const double copied = static_cast<double>(static_cast<float>(scale) * angle);
      const SinCos value = exact_sincos(numerics == Numerics::one_answer ? exact : copied);
      cos[static_cast<std::size_t>(position * half + i)] = static_cast<float>(value.cos);
      sin[static_cast<std::size_t>(position * half + i)] = static_cast<float>(value.sin);
    }
  }
}

CpuKvCache::CpuKvCache(const Config& config, std::int32_t n_ctx, Numerics numerics)
    : n_ctx_(n_ctx),
      numerics_(numerics),
      n_layer_(config.n_layer),
      n_head_kv_(config.n_head_kv),
      head_dim_(config.head_dim),
      block_(numerics == Numerics::one_answer ? std::min(round_up(n_ctx, kKeyLanes), kAttentionBlock) : n_ctx),
      value_stride_(numerics == Numerics::one_answer ? round_up(config.head_dim, 16) : round_up(n_ctx, kPad)),
      keys_per_head_(round_up(block_, kKeyLanes) * config.head_dim),
      values_per_head_((numerics == Numerics::one_answer ? block_ : config.head_dim) * value_stride_),
      rope_(config, n_ctx, numerics) {
  const std::int64_t pieces = round_up(n_ctx, block_) / block_ * n_layer_ * n_head_kv_;
  keys_ = AlignedBuffer<std::uint16_t>(static_cast<std::size_t>(pieces * keys_per_head_));
  values_ = AlignedBuffer<std::uint16_t>(static_cast<std::size_t>(pieces * values_per_head_));
}

std::int64_t CpuKvCache::key_index(std::int64_t position, std::int64_t dim) const noexcept {
  if (numerics_ != Numerics::one_answer) return position * head_dim_ + dim;
  return (position / kKeyLanes * head_dim_ + dim) * kKeyLanes + position % kKeyLanes;
}

std::int64_t CpuKvCache::value_index(std::int64_t position, std::int64_t dim) const noexcept {
  return numerics_ == Numerics::one_answer ? position * value_stride_ + dim : dim * value_stride_ + position;
}

void CpuKvCache::append(int layer, std::int64_t position, const float* key, const float* value) noexcept {
  const std::int64_t block = position / block_, in_block = position % block_;
  for (std::int64_t head = 0; head < n_head_kv_; ++head) {
    std::uint16_t* key_dst = keys_.data() + at(layer, head, block) * keys_per_head_;
    std::uint16_t* value_dst = values_.data() + at(layer, head, block) * values_per_head_;
    for (std::int64_t d = 0; d < head_dim_; ++d) {
      key_dst[key_index(in_block, d)] = float_to_half(key[head * head_dim_ + d]);
      value_dst[value_index(in_block, d)] = float_to_half(value[head * head_dim_ + d]);
    }
  }
}

}  // namespace bh::engine
