// A ternary matrix in a layout that CPU kernels read (kernels.h), packed once at load from the canonical I2_S.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/thread_pool.h"
#include "engine/cpu/kernels.h"
#include "engine/model/model.h"

namespace bh::engine {

struct PackedTernary {
  std::span<const std::uint8_t> weights;  ///< [groups, steps, kStepBytes], a view: the backend owns the bytes
  std::int64_t rows = 0, cols = 0;
  std::int64_t groups = 0, steps = 0;
  float scale = 1.0f, post_scale = 1.0f;

  std::int64_t group_bytes() const noexcept { return steps * kStepBytes; }
};

/// Steps of a group of `cols` columns.
std::int64_t packed_steps(std::int64_t cols, TernaryLayout layout) noexcept;
/// Bytes of a matrix [rows, cols] once packed.
std::int64_t packed_bytes(std::int64_t rows, std::int64_t cols, TernaryLayout layout) noexcept;

/// Repacks `steps` steps of a group from two_bits to dst[packed_steps(steps * kStepCols, trits) * kStepBytes].
void pack_trits(const std::uint8_t* two_bits, std::int64_t steps, std::uint8_t* dst) noexcept;

/// Packs into dst[packed_bytes], which must outlive the result. Every code is checked as it passes: throws Error(setup)
/// naming the model (`where`), tensor, row and column of an illegal code 3.
PackedTernary pack_ternary(const Matrix& matrix, TernaryLayout layout, std::string_view where,
                           std::span<std::uint8_t> dst, ThreadPool& pool);

}  // namespace bh::engine
