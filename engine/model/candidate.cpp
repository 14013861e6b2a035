#include "engine/model/candidate.h"

#include <algorithm>
#include <cmath>

namespace bh::engine {

void keep_best(std::vector<Candidate>& candidates, std::int64_t count) {
  const auto kept = std::min(static_cast<std::int64_t>(candidates.size()), std::max<std::int64_t>(count, 0));
  std::partial_sort(candidates.begin(), candidates.begin() + kept, candidates.end(), ranks_before);
  candidates.resize(static_cast<std::size_t>(kept));
}

std::vector<Candidate> best_of(std::span<const float> logits, std::int64_t count) {
  if (count == 1) {  // decoding greedily asks for nothing else
    Candidate best{-1, 0.0f};
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (best.id < 0 ? !std::isnan(logits[i]) : logits[i] > best.logit) best = {static_cast<TokenId>(i), logits[i]};
    }
    return best.id < 0 ? std::vector<Candidate>() : std::vector{best};
  }
  std::vector<Candidate> candidates;
  candidates.reserve(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!std::isnan(logits[i])) candidates.push_back({static_cast<TokenId>(i), logits[i]});
  }
  keep_best(candidates, count);
  return candidates;
}

}  // namespace bh::engine
