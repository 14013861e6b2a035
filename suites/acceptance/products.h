// The matrix products of a forward pass, computed again from the definition of the weight format, in double.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/backend.h"

namespace bh::suites::acceptance {

struct ProductError {
  std::string matrix;  ///< "blk.0.attn_q.weight"; gate and up are seen through their product
  double relative_error =
      0;  ///< Euclidean norm of the difference over that of the definition, all positions; may be inf
};

/// Runs `tokens` through the backend and compares what it computed for every ternary matrix of each `layer_step`-th
/// layer with WeightFormat::decode_row times the quantized activations (numerics: codes = rne(x * 127 / max |x|)).
std::vector<ProductError> compare_products(engine::Backend& backend, std::span<const engine::TokenId> tokens,
                                           int layer_step);

}  // namespace bh::suites::acceptance
