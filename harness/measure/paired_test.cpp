#include "harness/measure/paired.h"

#include <cmath>
#include <map>
#include <string>

#include "engine/base/error.h"
#include "harness/measure/progress.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::harness;

namespace {

/// Workers on a fake clock: each turn moves it by as long as the work takes.
struct FakeMachine {
  std::int64_t now = 0;
  std::string log;
  /// A drift that both sides of a pair see alike: the machine gets slower and slower.
  TimedWork work(char name, double seconds_per_unit) {
    return [this, name, seconds_per_unit](std::int64_t min_ns) {
      log += name;
      const double drift = 1 + 0.02 * static_cast<double>(now) * 1e-9;
      const double seconds = seconds_per_unit * drift;
      const double units = std::ceil(std::max(1.0, static_cast<double>(min_ns) * 1e-9 / seconds));
      now += static_cast<std::int64_t>(units * seconds * 1e9);
      return WorkDone{units, units * seconds};
    };
  }
};

}  // namespace

TEST_CASE("pairs see through a machine that gets slower during the run") {
  FakeMachine machine;
  int rounds = 0;
  const PairedSamples slow =
      sample_pairs({machine.work('c', 0.0115), machine.work('r', 0.01), machine.work('s', 0.01), [&] { ++rounds; }},
                   StoppingRule(0.05), 42);
  CHECK(slow.decision == Decision::fail);
  CHECK(slow.evidence.ratio == Approx(1 / 1.15).epsilon(0.01));
  CHECK(rounds == slow.evidence.pairs);
  const PairedSamples same = sample_pairs(
      {machine.work('c', 0.0101), machine.work('r', 0.01), machine.work('s', 0.01), {}}, StoppingRule(0.05), 42);
  CHECK(same.decision == Decision::pass);
}

TEST_CASE("every raw sample is kept, in an order that the seed alone decides") {
  FakeMachine machine;
  const auto run = [&](std::uint64_t seed) {
    machine.log.clear();
    return sample_pairs({machine.work('c', 0.2), machine.work('r', 0.2), machine.work('s', 0.2), {}},
                        StoppingRule(0.05), seed);
  };
  const PairedSamples samples = run(7);
  const std::string order = machine.log;
  CHECK(samples.candidate_seconds.size() == 10);
  CHECK(samples.reference_seconds.size() == 10);
  CHECK(samples.self_seconds.size() == 10);
  std::string recorded;
  for (const auto& round : samples.orders) recorded.append(round.data(), round.size());
  CHECK(recorded == order);
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK(samples.log_ratios[i] == std::log(samples.reference_seconds[i] / samples.candidate_seconds[i]));
  }
  run(7);
  CHECK(machine.log == order);
  run(8);
  CHECK(machine.log != order);
}

TEST_CASE("a sample is made of short turns, there and back again, until everybody has worked long enough") {
  FakeMachine machine;
  // Turns of 30, 30 and 60 ms: the candidate and the reference have 120 ms after four, the other after two.
  const PairedSamples samples = sample_pairs(
      {machine.work('c', 0.03), machine.work('r', 0.03), machine.work('s', 0.06), {}}, StoppingRule(0.05), 7);
  const std::string order(samples.orders[0].data(), 3);
  const std::string back(order.rbegin(), order.rend());
  std::string two(order);
  two.erase(two.find('s'), 1);
  CHECK(machine.log.substr(0, 10) == order + back + two + std::string(two.rbegin(), two.rend()));
}

TEST_CASE("turns see through a machine that changes its pace within a sample") {
  // Half as fast in every other 77 ms: whoever works for 100 ms in one go meets other halves than his neighbour.
  std::int64_t now = 0;
  const auto work = [&](double seconds_per_unit, std::int64_t least_ns) -> TimedWork {
    return [&now, seconds_per_unit, least_ns](std::int64_t min_ns) {
      WorkDone done;
      while (done.seconds * 1e9 < static_cast<double>(std::max(min_ns, least_ns))) {
        const double seconds = seconds_per_unit * (now / 77'000'000 % 2 == 0 ? 1 : 2);
        now += static_cast<std::int64_t>(seconds * 1e9);
        done.seconds += seconds;
        done.units += 1;
      }
      return done;
    };
  };
  const auto pairs = [&](double slowdown, std::int64_t least_ns) {
    return sample_pairs({work(0.0005 * slowdown, least_ns), work(0.0005, least_ns), work(0.0005, least_ns), {}},
                        StoppingRule(0.05), 3);
  };
  const PairedSamples slow = pairs(1.1, 0);
  CHECK(slow.decision == Decision::fail);
  CHECK(slow.evidence.ratio == Approx(1 / 1.1).epsilon(0.03));
  CHECK(pairs(1.0, 0).decision == Decision::pass);
  CHECK(pairs(1.1, 100'000'000).decision == Decision::inconclusive);
}

TEST_CASE("each of the six orders comes up about as often as the others") {
  std::map<std::array<char, 3>, int> counts;
  for (std::uint64_t round = 0; round < 6000; ++round) ++counts[order_of_round(3, round)];
  REQUIRE(counts.size() == 6);
  for (const auto& [order, count] : counts) CHECK(std::abs(count - 1000) < 120);
}

TEST_CASE("a clock that stands still is an error, not a fast candidate") {
  FakeMachine machine;
  const TimedWork stands = [](std::int64_t) { return WorkDone{1, 0}; };
  CHECK_THROWS_AS(sample_pairs({stands, machine.work('r', 0.01), machine.work('s', 0.01), {}}, StoppingRule(0.05), 1),
                  Error);
}

TEST_CASE("progress comes with the time left, and only for what takes longer than two seconds") {
  std::int64_t now = 0;
  std::vector<std::string> lines;
  const auto print = [&](std::string_view line) { lines.emplace_back(line); };
  Progress progress(print, {[&] { return now; }, {}}, "work");
  now = 1'900'000'000;
  progress.at(1, 100);
  CHECK(lines.empty());
  now = 2'000'000'000;
  progress.at(2, 100);
  now = 3'000'000'000;
  progress.at(3, 100);
  now = 4'000'000'000;
  progress.at(100, 100);
  CHECK(lines == std::vector<std::string>{"work: 2 of 100, about 1 min 38 s left"});
  CHECK(format_duration(59'400'000'000) == "59 s");
}
