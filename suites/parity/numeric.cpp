// The numeric tier: both forms of the model evaluate one path of tokens, a prompt and the greedy continuation that the
// reference side gives it, and their logits are compared at every step of the continuation.
#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/runtime/session.h"
#include "harness/core/exhibits.h"
#include "harness/core/text.h"
#include "harness/io/sha256.h"
#include "harness/judge/compare_logits.h"
#include "harness/judge/rank_agreement.h"
#include "suites/parity/cases.h"

namespace bh::suites::parity {

using engine::TokenId;
using harness::Result;

namespace {

/// One of the two that are compared.
struct Side {
  std::string what;  ///< "SafeTensors (packed)"
  engine::Backend& backend;
};

struct Evaluation {
  std::vector<TokenId> greedy_ids;
  std::vector<float> logits;  ///< [path - 1, n_vocab]: what follows each token of the path but the last
};

std::vector<TokenId> greedy(engine::Backend& backend, std::span<const TokenId> prompt, std::int64_t steps,
                            std::span<const TokenId> masked) {
  engine::Session session(backend, static_cast<std::int32_t>(prompt.size()) + static_cast<std::int32_t>(steps));
  std::vector<TokenId> ids;
  auto logits = session.eval(prompt);
  while (true) {
    ids.push_back(harness::top_ids(logits, 1, masked).at(0));
    if (static_cast<std::int64_t>(ids.size()) == steps) return ids;
    logits = session.eval({&ids.back(), 1});
  }
}

std::vector<float> evaluate(engine::Backend& backend, std::span<const TokenId> path) {
  engine::Session session(backend, static_cast<std::int32_t>(path.size()));
  return session.eval_all(path);
}

json::array to_json(std::span<const TokenId> ids) { return json::array(ids.begin(), ids.end()); }

double equal_share(const std::vector<TokenId>& a, const std::vector<TokenId>& b) {
  std::size_t equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i] ? 1 : 0;
  return static_cast<double>(equal) / static_cast<double>(a.size());
}

/// One case: `reference` leads the path, `tested` follows it.
class Comparison {
 public:
  Comparison(const engine::Tokenizer& tokenizer, Side reference, Side tested, const NumericSettings& settings)
      : tokenizer_(tokenizer), reference_(std::move(reference)), tested_(std::move(tested)), settings_(settings) {
    const TokenId padding = tokenizer.vocabulary().padding;
    if (padding != engine::kNoToken) masked_.push_back(padding);
  }

  Result run(const std::string& prompt, bool must_be_identical);

 private:
  void compare_steps(Result& result);
  void compare_nll(Result& result);
  void compare_tokens(Result& result);
  void compare_bits(Result& result, bool must_be_identical);
  json::object describe(const Side& side, const Evaluation& evaluation, double nll) const;

  std::int64_t n_vocab() const { return reference_.backend.model().config.n_vocab; }
  std::span<const float> continuation(const Evaluation& evaluation) const {
    return std::span(evaluation.logits).last(static_cast<std::size_t>(settings_.steps * n_vocab()));
  }
  std::string text(TokenId id) const { return harness::to_valid_utf8(tokenizer_.piece(id, true)); }

  const engine::Tokenizer& tokenizer_;
  Side reference_, tested_;
  NumericSettings settings_;
  std::vector<TokenId> masked_;
  std::string prompt_;
  std::vector<TokenId> path_;
  Evaluation left_, right_;  ///< of the reference, of the tested
};

Result Comparison::run(const std::string& prompt, bool must_be_identical) {
  prompt_ = prompt;
  path_ = tokenizer_.encode(prompt);
  const auto length = static_cast<std::int64_t>(path_.size()) + settings_.steps;
  const std::int32_t n_ctx = reference_.backend.model().config.n_ctx;
  if (path_.empty() || length > n_ctx) {
    return harness::skipped(fmt::format("the prompt and {} steps take {} tokens, the model's context has {}",
                                        settings_.steps, length, n_ctx));
  }
  left_.greedy_ids = greedy(reference_.backend, path_, settings_.steps, masked_);
  right_.greedy_ids = greedy(tested_.backend, path_, settings_.steps, masked_);
  path_.insert(path_.end(), left_.greedy_ids.begin(), left_.greedy_ids.end());
  const auto fed = std::span<const TokenId>(path_).first(path_.size() - 1);
  left_.logits = evaluate(reference_.backend, fed);
  right_.logits = evaluate(tested_.backend, fed);

  Result result;
  result.details["prompt"] = harness::to_valid_utf8(prompt);
  result.details["path_ids"] = to_json(path_);
  compare_steps(result);
  compare_nll(result);
  compare_tokens(result);
  compare_bits(result, must_be_identical);
  return result;
}

void Comparison::compare_steps(Result& result) {
  harness::RankSettings settings;
  settings.top = settings_.top;
  settings.tie_epsilon = settings_.tie_epsilon;
  settings.masked = masked_;
  auto agreement = harness::rank_agreement(continuation(left_), continuation(right_), n_vocab(), settings);
  // The prompt's positions count, too.
  const auto finite = [](float value) { return std::isfinite(value); };
  agreement.finite = agreement.finite && std::all_of(left_.logits.begin(), left_.logits.end(), finite) &&
                     std::all_of(right_.logits.begin(), right_.logits.end(), finite);
  add(result, "finite", agreement.finite ? 1 : 0);
  std::vector<double> samples;
  json::array steps;
  for (std::size_t i = 0; i < agreement.steps.size(); ++i) {
    const auto& tau = agreement.steps[i];
    if (tau) samples.push_back(*tau);
    steps.push_back(
        json::object{{"tau_b", tau ? json::value(*tau) : json::value(nullptr)}, {"common_ids", agreement.common[i]}});
  }
  if (agreement.median) {
    add_samples(result, "tau_b_median", *agreement.median, "", samples);
  } else {
    add_missing(result, "tau_b_median", "", agreement.finite ? "no step has a tau-b" : "logits are not finite");
  }
  add(result, "informative_steps", static_cast<double>(agreement.informative));
  result.details["steps"] = std::move(steps);
}

void Comparison::compare_nll(Result& result) {
  const auto targets = std::span<const TokenId>(path_).subspan(1);
  const auto left = harness::mean_nll(left_.logits, n_vocab(), targets, masked_);
  const auto right = harness::mean_nll(right_.logits, n_vocab(), targets, masked_);
  add(result, "mean_nll_difference", std::abs(left.value - right.value), "nats");
  result.details["scored_tokens"] = left.scored;
  result.details["left"] = describe(reference_, left_, left.value);
  result.details["right"] = describe(tested_, right_, right.value);
}

void Comparison::compare_tokens(Result& result) {
  add(result, "greedy_equal_share", equal_share(left_.greedy_ids, right_.greedy_ids));
  const auto width = static_cast<std::size_t>(n_vocab());
  const auto rows = continuation(left_);
  const auto compared = harness::compare_logits(continuation(right_), rows, n_vocab(),
                                                {.close_std = 1e-3, .tie_std = settings_.near_tie_std});
  std::int64_t agreeing = 0, near_ties = 0;
  for (std::size_t step = 0; step < left_.greedy_ids.size(); ++step) {
    const auto best = harness::top_ids(continuation(right_).subspan(step * width, width), 1, masked_).at(0);
    const bool equal = best == left_.greedy_ids[step];
    const bool tie = compared.rows[step].finite && compared.rows[step].gap <= settings_.near_tie_std;
    near_ties += !equal && tie ? 1 : 0;
    agreeing += equal || tie ? 1 : 0;
  }
  add(result, "token_agreement_share", static_cast<double>(agreeing) / static_cast<double>(settings_.steps));
  add(result, "near_ties", static_cast<double>(near_ties));
  const auto first = std::mismatch(left_.greedy_ids.begin(), left_.greedy_ids.end(), right_.greedy_ids.begin());
  if (first.first == left_.greedy_ids.end()) return add(result, "greedy_equal_or_tie", 1);
  // Up to here both sides have fed the same tokens, so this row is what the reference decided by.
  const auto step = first.first - left_.greedy_ids.begin();
  const auto& row = compared.rows[static_cast<std::size_t>(step)];
  add(result, "greedy_equal_or_tie", row.finite && row.gap <= settings_.near_tie_std ? 1 : 0);
  harness::Divergence divergence;
  divergence.prompt = prompt_;
  divergence.position = step;
  if (row.finite) divergence.margin = row.gap;
  divergence.near_tie = settings_.near_tie_std;
  divergence.ours = text(*first.second);
  divergence.theirs = text(*first.first);
  harness::add_exhibit(result, divergence);
}

void Comparison::compare_bits(Result& result, bool must_be_identical) {
  const std::string left = harness::sha256_floats(left_.logits), right = harness::sha256_floats(right_.logits);
  double largest = 0;
  for (std::size_t i = 0; i < left_.logits.size(); ++i) {
    const double distance = std::abs(static_cast<double>(left_.logits[i]) - right_.logits[i]);
    if (!(distance <= largest)) largest = distance;
  }
  result.details["max_abs_difference"] = std::isfinite(largest) ? json::value(largest) : json::value(nullptr);
  result.details["logits_identical"] = left == right;
  result.details["logits_required_identical"] = must_be_identical;
  add(result, "logits_equal_where_required", !must_be_identical || left == right ? 1 : 0);
  if (must_be_identical && left != right)
    result.reason = fmt::format("the weights are the same, the logits are not: up to {} apart", largest);
}

json::object Comparison::describe(const Side& side, const Evaluation& evaluation, double nll) const {
  return {{"what", side.what},
          {"backend", side.backend.describe()},
          {"mean_nll", std::isfinite(nll) ? json::value(nll) : json::value(nullptr)},
          {"greedy_ids", to_json(evaluation.greedy_ids)},
          {"greedy_text", harness::to_valid_utf8(tokenizer_.decode(evaluation.greedy_ids, true))},
          {"logits_sha256", harness::sha256_floats(evaluation.logits)}};
}

Result not_comparable(const std::string& why) {
  Result result;
  result.verdict = harness::Verdict::failed;
  result.reason = why;
  return result;
}

}  // namespace

Result check_same_precision(Pair& pair, const std::string& prompt, const NumericSettings& settings) {
  if (const std::string why = pair.why_not_comparable(); !why.empty()) return not_comparable(why);
  Comparison comparison(pair.left().tokenizer, {pair.left().source.format, pair.left_backend()},
                        {pair.right().source.format, pair.right_backend()}, settings);
  return comparison.run(prompt, pair.weights_identical());
}

Result check_quantized(Pair& pair, const std::string& prompt, const NumericSettings& settings) {
  if (const std::string why = pair.why_not_comparable(); !why.empty()) return not_comparable(why);
  const bool decoded = pair.same_precision();
  Comparison comparison(pair.left().tokenizer,
                        {pair.left().source.format + (decoded ? ", float activations" : ""),
                         decoded ? pair.float_backend() : pair.left_backend()},
                        {pair.right().source.format, pair.right_backend()}, settings);
  return comparison.run(prompt, false);
}

}  // namespace bh::suites::parity
