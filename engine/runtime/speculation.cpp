#include "engine/runtime/speculation.h"

#include <algorithm>

namespace bh::engine {
namespace {

constexpr double kNew = 1.0 / 8;        // share of a new time in its running mean
constexpr double kNewFaster = 3.0 / 4;  // the same where it is shorter: noise only ever adds
constexpr double kRemembered = 0.9;     // of earlier guesses, at each step that verifies some
constexpr double kFirstExtra = 0.15;    // what a guess adds to a step, until it has been measured
constexpr double kWorthwhile = 1.03;    // smaller gains are noise
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

std::int32_t DraftLength::best_length() const noexcept {
  const double rate = held_ / (held_ + missed_);
  double best_gain = kWorthwhile, expected = 1.0, all_hold = 1.0;
  std::int32_t best = 0;
  for (std::int32_t length = 1; length <= kMost; ++length) {
    all_hold *= rate;
    expected += all_hold;
    const double gain = expected * plain_ns_ / (plain_ns_ + length * extra_ns_);
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
  if (since_plain_ >= plain_every_) plain_every_ = std::min(2 * plain_every_, kRarestPlain);
  since_plain_ = 0;
  if (pause_ > 0) ++waited_;
  if (!warm_) {
    warm_ = true;
  } else if (plain_ns_ <= 0) {
    plain_ns_ = ns;
    extra_ns_ = kFirstExtra * ns;
  } else {
    plain_ns_ += (ns < plain_ns_ ? kNewFaster : kNew) * (ns - plain_ns_);
  }
}

void DraftLength::verified(std::int32_t drafted, std::int32_t accepted, std::int64_t nanoseconds) noexcept {
  const double extra = (static_cast<double>(nanoseconds) - plain_ns_) / drafted;
  const double share = std::max(kNew, 1.0 / static_cast<double>(++verifications_));
  extra_ns_ += share * (std::clamp(extra, 0.0, plain_ns_) - extra_ns_);  // alone it would take a step of its own
  held_ = kRemembered * held_ + accepted;
  missed_ = kRemembered * missed_ + (accepted < drafted ? 1 : 0);
  ++since_plain_;
  waited_ = 0;
  pause_ = best_length() > 0 ? 0 : std::clamp(2 * pause_, kFirstPause, kLongestPause);
}

}  // namespace bh::engine
