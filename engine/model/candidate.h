// A token with its logit, and the best of many: the order in which every part of the engine ranks tokens.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/model/tokenizer.h"

namespace bh::engine {

struct Candidate {
  TokenId id = 0;
  float logit = 0;
};

/// Higher logits first, the lower id first among equals.
inline bool ranks_before(const Candidate& a, const Candidate& b) noexcept {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

/// Keeps the `count` best, in rank order.
void keep_best(std::vector<Candidate>& candidates, std::int64_t count);

/// The `count` best of a row of logits in rank order; NaN is never among them.
std::vector<Candidate> best_of(std::span<const float> logits, std::int64_t count);

}  // namespace bh::engine
