#include "engine/runtime/speculation.h"

#include <algorithm>
#include <utility>

namespace bh::engine {
namespace {

constexpr double kNew = 1.0 / 8;          // share of a new time in its running mean
constexpr double kNewFaster = 3.0 / 4;    // the same where it is shorter: noise only ever adds
constexpr double kRemembered = 0.9;       // of earlier guesses, at each step that verifies some
constexpr double kFirstExtra = 0.15;      // what a guess adds to a plain step, until it has been measured
constexpr double kBelievedAtFirst = 0.8;  // of what guesses are seen to add once, perhaps when the machine was busy
constexpr double kWorthwhile = 1.03;      // smaller gains are noise
constexpr std::int32_t kFirstPause = 32, kLongestPause = 512;
constexpr std::int32_t kRarestPlain = 32;  // steps: how old the time of a plain step may grow

}  // namespace

std::vector<TokenId> NgramDrafter::draft(std::span<const TokenId> past, std::int32_t count) {
  const std::size_t n = past.size();
  std::size_t longest = 0, after = 0;
  for (std::size_t end = n; end-- > 1 && longest < kMost;) {  // past[end - 1] would be the n-gram's last token
    if (past[end - 1] != past[n - 1]) continue;
    std::size_t length = 1;
    while (length < kMost && length < end && past[end - 1 - length] == past[n - 1 - length]) ++length;
    if (length > longest) {
      longest = length;
      after = end;
    }
  }
  std::vector<TokenId> guess;
  if (longest < kLeast) return guess;
  // What repeats with a short period goes on beyond the sequence with what was guessed.
  for (std::size_t i = 0; i < static_cast<std::size_t>(std::max(count, 0)); ++i) {
    guess.push_back(after + i < n ? past[after + i] : guess[after + i - n]);
  }
  return guess;
}

ScriptedDrafter::ScriptedDrafter(std::vector<TokenId> text, std::size_t n_prompt, double rate, std::int32_t n_vocab,
                                 std::uint32_t seed)
    : text_(std::move(text)), n_prompt_(n_prompt), rate_(rate), n_vocab_(n_vocab), random_(seed) {}

std::vector<TokenId> ScriptedDrafter::draft(std::span<const TokenId> past, std::int32_t count) {
  std::vector<TokenId> guess;
  for (std::size_t at = past.size() - n_prompt_; guess.size() < static_cast<std::size_t>(std::max(count, 0)); ++at) {
    const TokenId right = at < text_.size() ? text_[at] : 0;
    const bool holds = static_cast<double>(random_()) * 0x1p-32 < rate_;
    guess.push_back(holds ? right : (right + 1) % n_vocab_);
  }
  return guess;
}

/// Costs rise in stairs (kernels take some numbers of rows in another way than more), so each length has its own;
/// between known ones lies a line, and behind the last the one from a plain step through it.
double DraftLength::cost(std::int32_t length) const noexcept {
  const auto at = static_cast<std::size_t>(length);
  if (costs_[at] > 0) return costs_[at];
  std::size_t below = at, above = at;
  while (costs_[below] <= 0) --below;
  while (above < costs_.size() && costs_[above] <= 0) ++above;
  double slope = kFirstExtra;
  if (above < costs_.size()) {
    slope = (costs_[above] - costs_[below]) / static_cast<double>(above - below);
  } else if (below > 0) {
    slope = (costs_[below] - 1.0) / static_cast<double>(below);
  }
  return costs_[below] + slope * static_cast<double>(at - below);
}

std::int32_t DraftLength::best_length() const noexcept {
  const double rate = held_ / (held_ + missed_);
  double best_gain = kWorthwhile, expected = 1.0, all_hold = 1.0;
  std::int32_t best = 0;
  for (std::int32_t length = 1; length <= kMost; ++length) {
    all_hold *= rate;
    expected += all_hold;
    const double gain = expected / cost(length);
    if (gain > best_gain) {
      best_gain = gain;
      best = length;
    }
  }
  return best;
}

std::int32_t DraftLength::next() const noexcept {
  if (plain_ns_ <= 0 || since_plain_ >= plain_every_) return 0;  // nothing fresh to compare with
  if (pause_ > 0) return waited_ >= pause_ ? 1 : 0;
  return best_length();
}

void DraftLength::plain_step(std::int64_t nanoseconds) noexcept {
  const auto ns = static_cast<double>(nanoseconds);
  if (since_plain_ >= plain_every_) {
    plain_every_ = std::min(2 * plain_every_, kRarestPlain);
    forget_single_looks();
    if (pause_ == 0) pause_where_nothing_pays();  // without what was forgotten
  }
  since_plain_ = 0;
  if (pause_ > 0) ++waited_;
  if (!warm_) {
    warm_ = true;
  } else if (plain_ns_ <= 0) {
    plain_ns_ = ns;
  } else {
    plain_ns_ += (ns < plain_ns_ ? kNewFaster : kNew) * (ns - plain_ns_);
  }
}

/// One look may have come at a busy moment, and a length that seems too slow is not looked at again.
void DraftLength::forget_single_looks() noexcept {
  for (std::size_t length = 1; length < costs_.size(); ++length) {
    if (looks_[length] == 1) costs_[length] = looks_[length] = 0;
  }
}

void DraftLength::verified(std::int32_t drafted, std::int32_t accepted, std::int64_t nanoseconds) noexcept {
  // A guess adds no more than a step of its own would take; what is beyond twice that is something else.
  const double cost = std::clamp(static_cast<double>(nanoseconds) / plain_ns_, 1.0, 1.0 + 2.0 * drafted);
  double& known = costs_[static_cast<std::size_t>(drafted)];
  ++looks_[static_cast<std::size_t>(drafted)];
  if (known > 0) {
    known += (cost < known ? kNewFaster : kNew) * (cost - known);
  } else {
    known = 1.0 + kBelievedAtFirst * (cost - 1.0);
  }
  held_ = kRemembered * held_ + accepted;
  missed_ = kRemembered * missed_ + (accepted < drafted ? 1 : 0);
  ++since_plain_;
  waited_ = 0;
  pause_where_nothing_pays();
}

void DraftLength::pause_where_nothing_pays() noexcept {
  pause_ = best_length() > 0 ? 0 : std::clamp(2 * pause_, kFirstPause, kLongestPause);
}

}  // namespace bh::engine
