// Our engine on the path of a reference: the same tokens position by position, and the greedy text it would have
// written.
#pragma once

#include <span>
#include <vector>

#include "engine/backend.h"

namespace bh::harness {

/// Logits of every position of `ids` [ids.size(), n_vocab]: the first `together` in one call, as far as the backend
/// takes so many, then one id at a time.
std::vector<float> teacher_forced(engine::Backend& backend, std::span<const engine::TokenId> ids, std::size_t together,
                                  engine::Numerics numerics);

/// What is generated greedily after `prompt`; end tokens do not end it.
std::vector<engine::TokenId> greedy(engine::Backend& backend, std::span<const engine::TokenId> prompt,
                                    std::int32_t tokens, engine::Numerics numerics);

}  // namespace bh::harness
