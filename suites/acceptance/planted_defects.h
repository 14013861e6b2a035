// Models with a known defect, made from a sound one: what a check must not let pass. The copies share what is unharmed.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/model/model.h"

namespace bh::suites::acceptance {

/// A copy whose weight matrices of one block are all zero (the scale stays). Norms, embeddings and tokenizer are
/// shared.
std::shared_ptr<const engine::Model> with_zeroed_layer(const std::shared_ptr<const engine::Model>& model, int layer);

/// A copy one block of which holds raw floats, as the master of quantization-aware training does before it is
/// ternarised: around the ternary values, none of them equal.
std::shared_ptr<const engine::Model> with_raw_layer(const std::shared_ptr<const engine::Model>& model, int layer);

}  // namespace bh::suites::acceptance
