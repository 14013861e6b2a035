#include "engine/runtime/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "engine/base/error.h"
#include "engine/base/exact_math.h"

namespace bh::engine {
namespace {

struct Choice {
  TokenId id;
  float logit;
  double probability;
};

void require(bool in_range, std::string_view option, double value, std::string_view range) {
  if (!in_range) fail(ErrorKind::usage, "{} {} is out of range; use {}", option, value, range);
}

/// Probabilities of sorted candidates from their logits.
void softmax(std::vector<Choice>& candidates, double temperature) {
  const double peak = candidates.front().logit;
  double sum = 0.0;
  for (Choice& candidate : candidates) {
    const double difference = (candidate.logit - peak) / temperature;
    candidate.probability = difference < -700.0 ? 0.0 : exact_exp(difference);
    sum += candidate.probability;
  }
  for (Choice& candidate : candidates) candidate.probability /= sum;
}

/// The shortest prefix whose probability reaches top_p, the token that crosses it included.
void keep_top_p(std::vector<Choice>& candidates, float top_p) {
  if (top_p >= 1.0f) return;
  softmax(candidates, 1.0);
  double sum = 0.0;
  std::size_t kept = 0;
  while (kept < candidates.size() && sum < static_cast<double>(top_p)) sum += candidates[kept++].probability;
  candidates.resize(std::max<std::size_t>(kept, 1));
}

/// Those at least min_p times as probable as the first.
void keep_min_p(std::vector<Choice>& candidates, float min_p) {
  if (min_p <= 0.0f) return;
  const double limit = candidates.front().logit + exact_log(static_cast<double>(min_p));
  std::size_t kept = 1;
  while (kept < candidates.size() && candidates[kept].logit >= limit) ++kept;
  candidates.resize(kept);
}

}  // namespace

void validate(const SamplingOptions& options) {
  require(std::isfinite(options.temperature), "--temp", options.temperature, "a number, 0 for greedy");
  require(options.top_p > 0.0f && options.top_p <= 1.0f, "--top-p", options.top_p, "0 < p <= 1");
  require(options.min_p >= 0.0f && options.min_p <= 1.0f, "--min-p", options.min_p, "0 <= p <= 1");
  require(options.repeat_penalty > 0.0f && std::isfinite(options.repeat_penalty), "--repeat-penalty",
          options.repeat_penalty, "a number above 0, 1 for none");
  require(options.repeat_last_n >= -1, "--repeat-last-n", options.repeat_last_n, "-1 (all), 0 (off) or more");
  require(std::isfinite(options.frequency_penalty), "--frequency-penalty", options.frequency_penalty, "a number");
  require(std::isfinite(options.presence_penalty), "--presence-penalty", options.presence_penalty, "a number");
}

TokenId argmax(std::span<const float> logits) noexcept {
  std::size_t best = 0;
  for (std::size_t i = 1; i < logits.size(); ++i) {
    if (logits[i] > logits[best] || std::isnan(logits[best])) best = i;
  }
  return static_cast<TokenId>(best);
}

Sampler::Sampler(const SamplingOptions& options) : options_(options), random_(options.seed) { validate(options); }

void Sampler::accept(TokenId token) { history_.push_back(token); }

bool Sampler::penalises() const noexcept {
  const bool off =
      options_.repeat_penalty == 1.0f && options_.frequency_penalty == 0.0f && options_.presence_penalty == 0.0f;
  return !off && options_.repeat_last_n != 0;
}

std::int32_t Sampler::deciding() const noexcept {
  if (penalises()) return 0;
  return options_.temperature <= 0.0f ? 1 : std::max(options_.top_k, 0);
}

std::vector<float> Sampler::penalised(std::span<const float> logits) const {
  std::vector<float> result(logits.begin(), logits.end());
  if (!penalises()) return result;
  const std::size_t looked_at =
      options_.repeat_last_n < 0 ? history_.size() : std::min<std::size_t>(history_.size(), options_.repeat_last_n);
  std::unordered_map<TokenId, int> counts;
  for (std::size_t i = history_.size() - looked_at; i < history_.size(); ++i) ++counts[history_[i]];
  for (const auto& [id, count] : counts) {
    float& logit = result[static_cast<std::size_t>(id)];
    logit = logit <= 0.0f ? logit * options_.repeat_penalty : logit / options_.repeat_penalty;
    logit -= static_cast<float>(count) * options_.frequency_penalty + options_.presence_penalty;
  }
  return result;
}

TokenId Sampler::sample(std::span<const float> logits) {
  const bool greedy = options_.temperature <= 0.0f;
  const std::int64_t count = greedy               ? 1
                             : options_.top_k > 0 ? options_.top_k
                                                  : static_cast<std::int64_t>(logits.size());
  return sample(best_of(penalised(logits), count));
}

TokenId Sampler::sample(std::span<const Candidate> best) {
  if (best.empty()) fail(ErrorKind::setup, "every logit is NaN; the model's weights are damaged (try inspect)");
  const TokenId token = options_.temperature <= 0.0f ? best.front().id : draw(best);
  accept(token);
  return token;
}

TokenId Sampler::draw(std::span<const Candidate> best) {
  if (!std::isfinite(best.front().logit))
    fail(ErrorKind::setup,
         "the best logit, of token {}, is {}: the model's logits overflow; its weights are damaged (try inspect)",
         best.front().id, best.front().logit);
  std::vector<Choice> candidates;
  candidates.reserve(best.size());
  for (const Candidate& candidate : best) candidates.push_back({candidate.id, candidate.logit, 0.0});
  keep_top_p(candidates, options_.top_p);
  keep_min_p(candidates, options_.min_p);
  softmax(candidates, static_cast<double>(options_.temperature));
  double point = static_cast<double>(random_() >> 11) * 0x1p-53;  // [0, 1)
  for (const Choice& candidate : candidates) {
    point -= candidate.probability;
    if (point < 0.0) return candidate.id;
  }
  return candidates.back().id;
}

}  // namespace bh::engine
