#include "harness/measure/stopping_rule.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/base/error.h"
#include "harness/core/statistics.h"

namespace bh::harness {

std::string_view to_string(Decision decision) noexcept {
  switch (decision) {
    case Decision::undecided:
      return "undecided";
    case Decision::pass:
      return "pass";
    case Decision::fail:
      return "fail";
    case Decision::inconclusive:
      return "inconclusive";
  }
  return "undecided";
}

std::vector<Look> looks_from(int pairs) {
  std::vector<Look> looks;
  for (const Look& model : kLooks) {
    const double spent = binomial_cdf(model.rank - 1, model.pairs, 0.5);
    const int now = std::max(pairs, kLooks[0].pairs) * (model.pairs / kLooks[0].pairs);
    int rank = 1;
    for (int above = (now + 1) / 2; rank < above;) {
      const int middle = (rank + above + 1) / 2;
      binomial_cdf(middle - 1, now, 0.5) <= spent ? rank = middle : above = middle - 1;
    }
    looks.push_back({now, rank});
  }
  return looks;
}

StoppingRule::StoppingRule(double margin, std::span<const Look> looks, double certainty)
    : margin_(margin), certainty_(certainty), looks_(looks.begin(), looks.end()) {
  BH_ASSERT(margin > 0 && !looks_.empty() && certainty > 0 && certainty <= 1);
  int before = 0;
  for (const Look& look : looks_) {
    BH_ASSERT(look.pairs > before && look.rank >= 1 && 2 * look.rank <= look.pairs + 1);
    before = look.pairs;
  }
}

void StoppingRule::add(double log_ratio, double self_log_ratio) {
  BH_ASSERT(!done());
  log_ratios_.push_back(log_ratio);
  self_log_ratios_.push_back(self_log_ratio);
  for (const Look& at : looks_) {
    if (static_cast<int>(log_ratios_.size()) == at.pairs) look(at);
  }
}

void StoppingRule::look(const Look& at) {
  const MedianInterval interval = median_interval_of_rank(log_ratios_, at.rank);
  const double floor = std::abs(median(self_log_ratios_));
  evidence_.pairs = at.pairs;
  const MedianInterval self = median_interval_of_rank(self_log_ratios_, at.rank);
  evidence_.ratio = std::exp(median(log_ratios_));
  evidence_.low = std::exp(interval.low - floor);
  evidence_.high = std::exp(interval.high + floor);
  evidence_.coverage = interval.coverage;
  evidence_.noise_floor = std::exp(floor);
  evidence_.self_low = std::exp(self.low);
  evidence_.self_high = std::exp(self.high);
  if (evidence_.high < (1 - margin_) * certainty_) {
    decision_ = Decision::fail;
  } else if (evidence_.low >= 1 - margin_) {
    decision_ = Decision::pass;
  } else if (at.pairs == max_pairs()) {
    decision_ = Decision::inconclusive;
  }
}

DecisionChances decision_chances(std::span<const Look> looks, double beyond) {
  BH_ASSERT(!looks.empty() && beyond >= 0 && beyond <= 1);
  DecisionChances chances;
  std::vector<double> at{1.0};  // at[k]: still undecided, with k pairs beyond the margin
  for (const Look& look : looks) {
    while (static_cast<int>(at.size()) <= look.pairs) {
      std::vector<double> next(at.size() + 1, 0.0);
      for (std::size_t k = 0; k < at.size(); ++k) {
        next[k] += at[k] * (1 - beyond);
        next[k + 1] += at[k] * beyond;
      }
      at = std::move(next);
    }
    for (int k = 0; k <= look.pairs; ++k) {
      double& chance = at[static_cast<std::size_t>(k)];
      // All of the interval is beyond the margin: fewer than `rank` pairs are not. The mirror image is a pass.
      if (look.pairs - k < look.rank)
        chances.fail += std::exchange(chance, 0.0);
      else if (k < look.rank)
        chances.pass += std::exchange(chance, 0.0);
    }
  }
  for (const double chance : at) chances.inconclusive += chance;
  return chances;
}

}  // namespace bh::harness
