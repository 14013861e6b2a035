// A ternary matrix in the layout that every CPU kernel reads (kernels.h), packed once at load from the canonical I2_S.
#pragma once

#include <cstdint>

#include "engine/base/aligned_buffer.h"
#include "engine/base/thread_pool.h"
#include "engine/cpu/kernels.h"
#include "engine/model/model.h"

namespace bh::engine {

struct PackedTernary {
  AlignedBuffer<std::uint8_t> weights;  ///< [groups, steps, kStepBytes]
  std::int64_t rows = 0, cols = 0;
  std::int64_t groups = 0, steps = 0;
  float scale = 1.0f, post_scale = 1.0f;

  std::int64_t group_bytes() const noexcept { return steps * kStepBytes; }
};

/// Throws Error(setup) naming the tensor, row and column of an illegal code 3.
PackedTernary pack_ternary(const Matrix& matrix, ThreadPool& pool);

}  // namespace bh::engine
