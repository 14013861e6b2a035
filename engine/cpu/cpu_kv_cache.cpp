#include "engine/cpu/cpu_kv_cache.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/exact_math.h"

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
      const SinCos value = exact_sincos(is_reference(numerics) ? copied : exact);
      cos[static_cast<std::size_t>(position * half + i)] = static_cast<float>(value.cos);
      sin[static_cast<std::size_t>(position * half + i)] = static_cast<float>(value.sin);
    }
  }
}

namespace {

/// Writes the codes of one head's vector, element d at index(d), and returns what they are to be multiplied by: NaN
/// where the vector is not finite, so that it shows in every output.
template <class Index>
float quantize_head(const float* x, std::int64_t n, std::int8_t* codes, const Index& index) noexcept {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  float largest = 0.0f, finite = 0.0f;
  for (std::int64_t d = 0; d < n; ++d) {
    largest = std::max(largest, std::abs(x[d]));
    finite += x[d] * 0.0f;
  }
  const float inverse = 127.0f / largest;
  const bool plain = finite == 0.0f && largest > 0.0f && inverse - inverse == 0.0f;
  for (std::int64_t d = 0; d < n; ++d) {
    codes[index(d)] = plain ? static_cast<std::int8_t>((x[d] * inverse + kMagic) - kMagic) : std::int8_t{0};
  }
  if (!(finite == 0.0f)) return std::numeric_limits<float>::quiet_NaN();
  return plain ? largest / 127.0f : 0.0f;
}

}  // namespace

CpuKvCache::CpuKvCache(const Config& config, std::int32_t n_ctx, Numerics numerics, const FloatKernels& kernels)
    : kernels_(&kernels),
      n_ctx_(n_ctx),
      numerics_(numerics),
      n_layer_(config.n_layer),
      n_head_kv_(config.n_head_kv),
      head_dim_(config.head_dim),
      block_(is_reference(numerics) ? n_ctx : std::min(round_up(n_ctx, kKeyLanes), kAttentionBlock)),
      value_stride_(is_reference(numerics) ? round_up(n_ctx, kPad) : round_up(config.head_dim, 16)),
      keys_per_head_(round_up(block_, kKeyLanes) * config.head_dim),
      values_per_head_((is_reference(numerics) ? config.head_dim : block_) * value_stride_),
      scales_per_head_(int8() ? round_up(block_, kKeyLanes) : 0),
      element_bytes_(int8() ? 1 : 2),
      rope_(config, n_ctx, numerics) {
  const std::int64_t pieces = round_up(n_ctx, block_) / block_ * n_layer_ * n_head_kv_;
  keys_ = AlignedBuffer<std::byte>(static_cast<std::size_t>(pieces * keys_per_head_ * element_bytes_));
  values_ = AlignedBuffer<std::byte>(static_cast<std::size_t>(pieces * values_per_head_ * element_bytes_));
  key_scales_ = AlignedBuffer<float>(static_cast<std::size_t>(pieces * scales_per_head_));
  value_scales_ = AlignedBuffer<float>(static_cast<std::size_t>(pieces * scales_per_head_));
}

std::size_t CpuKvCache::bytes_per_position() const noexcept {
  const std::size_t scale = int8() ? sizeof(float) : 0;
  const std::size_t head = static_cast<std::size_t>(head_dim_ * element_bytes_) + scale;
  return 2 * static_cast<std::size_t>(n_layer_ * n_head_kv_) * head;
}

std::int64_t CpuKvCache::key_index(std::int64_t position, std::int64_t dim) const noexcept {
  if (is_reference(numerics_)) return position * head_dim_ + dim;
  return (position / kKeyLanes * head_dim_ + dim) * kKeyLanes + position % kKeyLanes;
}

std::int64_t CpuKvCache::value_index(std::int64_t position, std::int64_t dim) const noexcept {
  return is_reference(numerics_) ? dim * value_stride_ + position : position * value_stride_ + dim;
}

void CpuKvCache::append_halves(std::int64_t piece, std::int64_t in_block, const float* key,
                               const float* value) noexcept {
  auto* key_dst = reinterpret_cast<std::uint16_t*>(keys_.data()) + piece * keys_per_head_;
  auto* value_dst = reinterpret_cast<std::uint16_t*>(values_.data()) + piece * values_per_head_;
  constexpr std::int64_t kPiece = 128;
  for (std::int64_t first = 0; first < head_dim_; first += kPiece) {
    const std::int64_t n = std::min(kPiece, head_dim_ - first);
    std::uint16_t keys[kPiece], values[kPiece];
    kernels_->to_f16(key + first, n, keys);
    kernels_->to_f16(value + first, n, values);
    for (std::int64_t i = 0; i < n; ++i) {
      key_dst[key_index(in_block, first + i)] = keys[i];
      value_dst[value_index(in_block, first + i)] = values[i];
    }
  }
}

void CpuKvCache::append_codes(std::int64_t piece, std::int64_t in_block, const float* key,
                              const float* value) noexcept {
  auto* key_dst = reinterpret_cast<std::int8_t*>(keys_.data()) + piece * keys_per_head_;
  auto* value_dst = reinterpret_cast<std::int8_t*>(values_.data()) + piece * values_per_head_;
  key_scales_.data()[piece * scales_per_head_ + in_block] =
      quantize_head(key, head_dim_, key_dst, [&](std::int64_t d) { return key_index(in_block, d); });
  value_scales_.data()[piece * scales_per_head_ + in_block] =
      quantize_head(value, head_dim_, value_dst, [&](std::int64_t d) { return value_index(in_block, d); });
}

void CpuKvCache::append(int layer, std::int64_t position, const float* key, const float* value) noexcept {
  for (std::int64_t head = 0; head < n_head_kv_; ++head, key += head_dim_, value += head_dim_) {
    const std::int64_t piece = at(layer, head, position / block_);
    int8() ? append_codes(piece, position % block_, key, value) : append_halves(piece, position % block_, key, value);
  }
}

}  // namespace bh::engine
