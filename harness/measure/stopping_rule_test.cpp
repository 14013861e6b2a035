#include "harness/measure/stopping_rule.h"

#include <cmath>
#include <random>

#include "engine/base/error.h"
#include "harness/core/statistics.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::harness;

namespace {

constexpr double kMargin = 0.05;

/// Feeds pairs whose logarithm is normal around log(slowdown) until the rule is done.
StoppingRule decided(double slowdown, double noise, std::uint32_t seed, double self_slowdown = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, noise);
  StoppingRule rule(kMargin);
  while (!rule.done()) {
    const double self = -std::log(self_slowdown) + normal(random);
    rule.add(-std::log(slowdown) + normal(random), self);
  }
  return rule;
}

struct Counts {
  int pass = 0, fail = 0, inconclusive = 0;
};

Counts trials(double slowdown, double noise, int count, double self_slowdown = 1) {
  Counts counts;
  for (int i = 0; i < count; ++i) {
    const Decision decision = decided(slowdown, noise, static_cast<std::uint32_t>(i), self_slowdown).decision();
    counts.pass += decision == Decision::pass;
    counts.fail += decision == Decision::fail;
    counts.inconclusive += decision == Decision::inconclusive;
  }
  return counts;
}

}  // namespace

TEST_CASE("a slowdown of 15 % is found, one of 1 % passes, and both with few pairs where there is little noise") {
  const StoppingRule slow = decided(1.15, 0.01, 1), same = decided(1.01, 0.01, 1);
  CHECK(slow.decision() == Decision::fail);
  CHECK(same.decision() == Decision::pass);
  CHECK(slow.evidence().pairs == 10);
  CHECK(same.evidence().pairs == 10);
  CHECK(slow.evidence().ratio == Approx(1 / 1.15).epsilon(0.02));
  CHECK(slow.evidence().high < 0.95);
}

TEST_CASE("noise is inconclusive, never a pass and hardly ever a failure") {
  const Counts counts = trials(1.0, 1.0, 200);
  CHECK(counts.inconclusive >= 190);
  CHECK(counts.fail <= 5);
}

TEST_CASE("the overall error at the margin is the stated one, computed and simulated") {
  const DecisionChances exact = decision_chances(kLooks, 0.5);
  CHECK(exact.fail == Approx(0.02297).margin(5e-6));
  CHECK(exact.fail == Approx(exact.pass).epsilon(1e-12));
  CHECK(exact.fail < kStatedError);
  CHECK(exact.fail + exact.pass + exact.inconclusive == Approx(1.0).epsilon(1e-12));
  double spent = 0;  // the union bound that the header quotes
  for (const Look& look : kLooks) spent += binomial_cdf(look.rank - 1, look.pairs, 0.5);
  CHECK(spent == Approx(0.0010 + 0.0059 + 0.0192).margin(2e-4));
  // The candidate is slower by just the margin and the reference equals itself: only widening by the noise floor can
  // help.
  const int count = 4000;
  const Counts counts = trials(1 / 0.95, 0.02, count);
  const double bound = kStatedError * count;
  CHECK(counts.fail <= bound);
  CHECK(counts.pass <= bound);
  CHECK(counts.fail > 0);
}

TEST_CASE("looks from any number of pairs spend no more than the stated error") {
  const std::vector<Look> ten = looks_from(10);
  REQUIRE(ten.size() == std::size(kLooks));
  for (std::size_t i = 0; i < ten.size(); ++i) {
    CHECK(ten[i].pairs == kLooks[i].pairs);
    CHECK(ten[i].rank == kLooks[i].rank);
  }
  CHECK(looks_from(5).front().pairs == 10);  // five pairs on one side happen by chance too often
  for (int pairs = 10; pairs <= 100; ++pairs) {
    const std::vector<Look> looks = looks_from(pairs);
    REQUIRE(looks.size() == 3);
    CHECK(looks.front().pairs == pairs);
    CHECK(looks.back().pairs == 4 * pairs);
    CHECK_NOTHROW(StoppingRule(kMargin, looks));
    CHECK(decision_chances(looks, 0.5).fail <= kStatedError);
  }
}

TEST_CASE("a simulation without a noise floor has the computed chances") {
  std::mt19937 random(7);
  std::bernoulli_distribution beyond(0.75);
  int fails = 0;
  const int count = 4000;
  for (int i = 0; i < count; ++i) {
    StoppingRule rule(kMargin);
    while (!rule.done()) rule.add(beyond(random) ? -1.0 : 1.0, 0.0);
    fails += rule.decision() == Decision::fail;
  }
  CHECK(static_cast<double>(fails) / count == Approx(decision_chances(kLooks, 0.75).fail).margin(0.02));
}

TEST_CASE("a slowdown of 10 % is found nearly always at the noise of a shared machine") {
  CHECK(trials(1.10, 0.03, 200).fail >= 190);
  CHECK(trials(1.00, 0.03, 200).pass >= 190);
}

TEST_CASE("a reference that differs from itself by more than the margin decides nothing") {
  const Counts counts = trials(1.08, 0.002, 50, 1.06);
  CHECK(counts.inconclusive == 50);
  CHECK(decided(1.08, 0.002, 1, 1.06).evidence().noise_floor == Approx(1.06).epsilon(0.01));
  CHECK(trials(1.08, 0.002, 50).fail == 50);
}

TEST_CASE("a reference that is known to a tenth only fails nobody who is within it") {
  for (const double slowdown : {1.10, 1.25}) {
    StoppingRule rule(kMargin, kLooks, 0.9);
    while (!rule.done()) rule.add(-std::log(slowdown), 0.0);
    CHECK(rule.decision() == (slowdown < 1.2 ? Decision::inconclusive : Decision::fail));
  }
}

TEST_CASE("a rule that is done takes no more pairs, and nonsense for looks is refused") {
  StoppingRule rule = decided(1.0, 0.001, 1);
  CHECK_THROWS_AS(rule.add(0, 0), Error);
  const Look unordered[] = {{20, 5}, {10, 1}};
  CHECK_THROWS_AS(StoppingRule(kMargin, unordered), Error);
  const Look impossible[] = {{10, 6}};
  CHECK_THROWS_AS(StoppingRule(kMargin, impossible), Error);
}
