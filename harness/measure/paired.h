// Candidate and reference timed back to back, round by round, in an order drawn from a stored seed: what both see of
// the machine is the same, so their ratio says what the machine does not. Within a round they take short turns, there
// and back again, since a machine can change its pace several times within one sample.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "harness/measure/stopping_rule.h"

namespace bh::harness {

/// Samples of less say more about the clock and the scheduler than about the work.
inline constexpr std::int64_t kMinSampleNs = 100'000'000;

/// A sample is made of turns of at least this share of its time.
inline constexpr int kTurnsOfSample = 10;

/// What was done in one go: tokens, and how long they took.
struct WorkDone {
  double units = 0;
  double seconds = 0;
};

/// Works for at least so long; at least one unit.
using TimedWork = std::function<WorkDone(std::int64_t min_ns)>;

struct PairedWork {
  TimedWork candidate;
  TimedWork reference;
  TimedWork reference_again;          ///< a second instance of the reference: the noise floor
  std::function<void()> after_round;  ///< a bandwidth sample, progress; may be empty. May throw: that ends the sampling
};

/// Every raw sample, one per round.
struct PairedSamples {
  std::uint64_t seed = 0;
  /// 'c', 'r' and 's' (the reference again) in the order of each round's first turns; the next run backwards, and so
  /// on.
  std::vector<std::array<char, 3>> orders;
  std::vector<double> candidate_seconds;  ///< per unit, as the next two
  std::vector<double> reference_seconds;
  std::vector<double> self_seconds;
  std::vector<double> log_ratios;       ///< of speeds: log(reference seconds / candidate seconds)
  std::vector<double> self_log_ratios;  ///< log(reference seconds / those of the reference again)
  PairedEvidence evidence;
  Decision decision = Decision::undecided;
};

/// The order of a round: a pure function of seed and round.
std::array<char, 3> order_of_round(std::uint64_t seed, std::uint64_t round) noexcept;

/// Rounds until `rule` is done; in each, everybody takes turns until his sample is `min_ns` long. A time or an amount
/// that is not positive and finite is Error(setup).
PairedSamples sample_pairs(const PairedWork& work, StoppingRule rule, std::uint64_t seed,
                           std::int64_t min_ns = kMinSampleNs);

}  // namespace bh::harness
