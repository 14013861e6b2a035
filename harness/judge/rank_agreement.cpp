#include "harness/judge/rank_agreement.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/base/error.h"
#include "engine/runtime/perplexity.h"

namespace bh::harness {

using engine::TokenId;

namespace {

int order(double a, double b, double tie_epsilon) {
  const double difference = a - b;
  return std::abs(difference) <= tie_epsilon ? 0 : difference > 0 ? 1 : -1;
}

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

bool contains(std::span<const TokenId> ids, TokenId id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

}  // namespace

std::optional<double> kendall_tau_b(std::span<const double> a, std::span<const double> b, double tie_epsilon) {
  BH_ASSERT(a.size() == b.size());
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!std::all_of(a.begin(), a.end(), finite) || !std::all_of(b.begin(), b.end(), finite)) return std::nullopt;
  std::int64_t balance = 0, ordered_a = 0, ordered_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = i + 1; j < a.size(); ++j) {
      const int left = order(a[i], a[j], tie_epsilon), right = order(b[i], b[j], tie_epsilon);
      balance += left * right;
      ordered_a += left != 0 ? 1 : 0;
      ordered_b += right != 0 ? 1 : 0;
    }
  }
  if (ordered_a == 0 || ordered_b == 0) return std::nullopt;
  // The root of the product, not the product of roots: exactly 1 for equal orders.
  return static_cast<double>(balance) / std::sqrt(static_cast<double>(ordered_a) * static_cast<double>(ordered_b));
}

std::vector<TokenId> top_ids(std::span<const float> logits, std::int64_t count, std::span<const TokenId> masked) {
  std::vector<TokenId> ids;
  ids.reserve(logits.size());
  for (std::size_t id = 0; id < logits.size(); ++id) {
    if (!contains(masked, static_cast<TokenId>(id))) ids.push_back(static_cast<TokenId>(id));
  }
  const auto kept = std::min(static_cast<std::size_t>(std::max<std::int64_t>(count, 0)), ids.size());
  const auto value = [&](TokenId id) { return logits[static_cast<std::size_t>(id)]; };
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(kept), ids.end(),
                    [&](TokenId l, TokenId r) { return value(l) != value(r) ? value(l) > value(r) : l < r; });
  ids.resize(kept);
  return ids;
}

RankAgreement rank_agreement(std::span<const float> a, std::span<const float> b, std::int64_t n_vocab,
                             const RankSettings& settings) {
  const auto width = static_cast<std::size_t>(n_vocab);
  BH_ASSERT(n_vocab > 0 && a.size() == b.size() && a.size() % width == 0);
  RankAgreement result;
  result.finite = all_finite(a) && all_finite(b);
  if (!result.finite) return result;
  std::vector<double> informative;
  for (std::size_t at = 0; at < a.size(); at += width) {
    const auto left = a.subspan(at, width), right = b.subspan(at, width);
    const auto theirs = top_ids(right, settings.top, settings.masked);
    std::vector<double> x, y;
    for (const TokenId id : top_ids(left, settings.top, settings.masked)) {
      if (!contains(theirs, id)) continue;
      x.push_back(left[static_cast<std::size_t>(id)]);
      y.push_back(right[static_cast<std::size_t>(id)]);
    }
    result.common.push_back(static_cast<std::int64_t>(x.size()));
    result.steps.push_back(kendall_tau_b(x, y, settings.tie_epsilon));
    if (result.steps.back()) informative.push_back(*result.steps.back());
  }
  result.informative = static_cast<std::int64_t>(informative.size());
  if (informative.empty()) return result;
  std::sort(informative.begin(), informative.end());
  const std::size_t half = informative.size() / 2;
  result.median = informative.size() % 2 == 1 ? informative[half] : 0.5 * (informative[half - 1] + informative[half]);
  return result;
}

MeanNll mean_nll(std::span<const float> logits, std::int64_t n_vocab, std::span<const TokenId> targets,
                 std::span<const TokenId> masked) {
  const auto width = static_cast<std::size_t>(n_vocab);
  BH_ASSERT(n_vocab > 0 && logits.size() == targets.size() * width);
  MeanNll result;
  double sum = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (contains(masked, targets[i])) continue;
    sum += engine::negative_log_likelihood(logits.subspan(i * width, width), targets[i]);
    ++result.scored;
  }
  result.value =
      result.scored == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(result.scored);
  return result;
}

}  // namespace bh::harness
