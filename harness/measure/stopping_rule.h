// When a paired measurement has enough samples, and what they then say. The only look ahead in a run: an object that is
// fed with pairs and asked whether to go on.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace bh::harness {

/// At `pairs` pairs the interval [x_(rank), x_(pairs + 1 - rank)] of the log ratios is looked at.
struct Look {
  int pairs = 0;
  int rank = 0;
};

/// Looks at 10, 20 and 40 pairs. The three spend at most 0.0010, 0.0059 and 0.0192 in each direction (one binomial tail
/// each, so no distribution is assumed). decision_chances() walks all sequences of signs exactly: where the candidate
/// is slower by just the margin, the chance that any look says fail is 0.0230, and that any says pass is 0.0230. The
/// stated overall error is 2.5 % in each direction; the farther the truth is from the margin, the smaller the real one.
inline constexpr Look kLooks[] = {{10, 1}, {20, 5}, {40, 14}};
inline constexpr double kStatedError = 0.025;

/// Looks at `pairs`, twice and four times as many, which spend no more in each direction than those of kLooks; fewer
/// than ten can say nothing, so they stand for ten.
std::vector<Look> looks_from(int pairs);

enum class Decision { undecided, pass, fail, inconclusive };
std::string_view to_string(Decision decision) noexcept;

/// What the pairs say so far. Ratios are of speeds, candidate / reference: 0.95 = the candidate is five percent slower.
struct PairedEvidence {
  int pairs = 0;
  double ratio = 1;  ///< exp of the median log ratio
  double low = 1;    ///< order-statistic interval, widened by the noise floor on both sides
  double high = 1;
  double coverage = 0;     ///< of the interval before it is widened
  double noise_floor = 1;  ///< exp |median log ratio of the reference against itself|
  double self_low = 1;     ///< interval of the reference against itself
  double self_high = 1;
};

class StoppingRule {
 public:
  /// `margin` 0.05: a ratio below 0.95 is a regression. `looks` in ascending order of pairs; Error(internal) if not.
  /// `certainty` 0.9: only what lies below 0.9 of that fails, since the reference itself is known no better.
  explicit StoppingRule(double margin, std::span<const Look> looks = kLooks, double certainty = 1);

  /// Both are logarithms of ratios of speeds in one round: candidate / reference, and reference / reference.
  void add(double log_ratio, double self_log_ratio);

  bool done() const noexcept { return decision_ != Decision::undecided; }
  /// fail: the whole interval lies below (1 - margin) certainty; pass: none of it lies below 1 - margin; inconclusive:
  /// neither, at the last look.
  Decision decision() const noexcept { return decision_; }
  const PairedEvidence& evidence() const noexcept {
    return evidence_;
  }  ///< as of the last look; before it, the defaults
  int max_pairs() const noexcept { return looks_.back().pairs; }
  double margin() const noexcept { return margin_; }

 private:
  void look(const Look& at);

  double margin_, certainty_;
  std::vector<Look> looks_;
  std::vector<double> log_ratios_, self_log_ratios_;
  PairedEvidence evidence_;
  Decision decision_ = Decision::undecided;
};

struct DecisionChances {
  double pass = 0;
  double fail = 0;
  double inconclusive = 0;
};

/// Exact chances of each decision where a pair independently lies beyond the margin with probability `beyond` (1/2
/// where the true slowdown is the margin) and the reference equals itself.
DecisionChances decision_chances(std::span<const Look> looks, double beyond);

}  // namespace bh::harness
