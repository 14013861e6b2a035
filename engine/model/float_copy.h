// A model with its ternary matrices decoded to floats: the same weights, multiplied without quantizing activations.
// What int8 activations cost is measured against it.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/model/model.h"

namespace bh::engine {

/// Every ternary matrix of the copy holds scale * {-1, 0, +1} as F32; all else is shared with `model`, which the copy
/// keeps alive. Throws Error(setup) where more than `memory_limit` bytes would be needed; 0 = what is free now.
std::shared_ptr<const Model> with_float_weights(std::shared_ptr<const Model> model, std::uint64_t memory_limit = 0);

}  // namespace bh::engine
