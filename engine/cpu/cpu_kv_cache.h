// The CPU's KV caches: keys and values of one sequence, and the rotation table of its positions.
// One layout for each kind of numerics; cpu_attention.cpp and cpu_reference.cpp read them. Positions are held in
// blocks, each with all layers and heads: memory is touched, and so taken, as the sequence grows.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/backend.h"
#include "engine/base/aligned_buffer.h"
#include "engine/cpu/kernels.h"

namespace bh::engine {

/// cos and sin of position * frequency, [n_ctx, head_dim / 2] each.
struct RopeTable {
  std::vector<float> cos, sin;
  std::int64_t half = 0;  ///< head_dim / 2

  RopeTable(const Config& config, std::int64_t n_ctx, Numerics numerics);
};

class CpuKvCache : public KvCache {
 public:
  CpuKvCache(const Config& config, std::int32_t n_ctx, Numerics numerics, const FloatKernels& kernels);

  std::int32_t n_ctx() const noexcept override { return n_ctx_; }
  std::size_t bytes() const noexcept override {
    return keys_.size() + values_.size() + (key_scales_.size() + value_scales_.size()) * sizeof(float);
  }
  std::size_t bytes_per_position() const noexcept override;
  Numerics numerics() const noexcept { return numerics_; }
  const RopeTable& rope() const noexcept { return rope_; }

  /// Stores one position's rotated key and value, [n_head_kv, head_dim] each.
  void append(int layer, std::int64_t position, const float* key, const float* value) noexcept;

  // one_answer*: blocks of kAttentionBlock positions: keys [positions / 16, head_dim, 16], values [positions,
  //             value_stride].
  // reference:  one block of n_ctx positions: keys [n_ctx, head_dim], values [head_dim, padded n_ctx], as the reference
  //             without flash attention.
  // Elements are f16, or int8 with a scale for each position.
  const std::byte* keys(int layer, std::int64_t kv_head, std::int64_t block) const noexcept {
    return keys_.data() + at(layer, kv_head, block) * keys_per_head_ * element_bytes_;
  }
  const std::byte* values(int layer, std::int64_t kv_head, std::int64_t block) const noexcept {
    return values_.data() + at(layer, kv_head, block) * values_per_head_ * element_bytes_;
  }
  /// One for each position of the block; nothing for f16.
  const float* key_scales(int layer, std::int64_t kv_head, std::int64_t block) const noexcept {
    return key_scales_.data() + at(layer, kv_head, block) * scales_per_head_;
  }
  const float* value_scales(int layer, std::int64_t kv_head, std::int64_t block) const noexcept {
    return value_scales_.data() + at(layer, kv_head, block) * scales_per_head_;
  }
  bool int8() const noexcept { return numerics_ == Numerics::one_answer_kv_int8; }
  std::int64_t value_stride() const noexcept { return value_stride_; }

 private:
  std::int64_t at(int layer, std::int64_t kv_head, std::int64_t block) const noexcept {
    return (block * n_layer_ + layer) * n_head_kv_ + kv_head;
  }
  void append_halves(std::int64_t piece, std::int64_t in_block, const float* key, const float* value) noexcept;
  void append_codes(std::int64_t piece, std::int64_t in_block, const float* key, const float* value) noexcept;
  std::int64_t key_index(std::int64_t position, std::int64_t dim) const noexcept;
  std::int64_t value_index(std::int64_t position, std::int64_t dim) const noexcept;

  const FloatKernels* kernels_;
  std::int32_t n_ctx_;
  Numerics numerics_;
  std::int64_t n_layer_, n_head_kv_, head_dim_;
  std::int64_t block_;  ///< positions
  std::int64_t value_stride_;
  std::int64_t keys_per_head_, values_per_head_, scales_per_head_;  ///< of one block
  std::int64_t element_bytes_;
  RopeTable rope_;
  AlignedBuffer<std::byte> keys_, values_;
  AlignedBuffer<float> key_scales_, value_scales_;
};

}  // namespace bh::engine
