#include "harness/measure/paired.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"

namespace bh::harness {
namespace {

/// SplitMix64 (Steele, Lea and Flood 2014): a good hash of a counter.
std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// One side's part of a round.
struct Sample {
  const TimedWork& work;
  const char* who;
  WorkDone done = {};

  void take_turn(std::int64_t min_ns) {
    const WorkDone turn = work(min_ns);
    if (!(turn.seconds > 0) || !std::isfinite(turn.seconds) || !(turn.units > 0) || !std::isfinite(turn.units)) {
      fail(ErrorKind::setup, "the {} reports {} seconds for {} units of work: its clock cannot be used", who,
           turn.seconds, turn.units);
    }
    done.units += turn.units;
    done.seconds += turn.seconds;
  }
  double seconds_per_unit() const noexcept { return done.seconds / done.units; }
};

}  // namespace

std::array<char, 3> order_of_round(std::uint64_t seed, std::uint64_t round) noexcept {
  constexpr std::array<std::array<char, 3>, 6> kOrders = {
      {{'c', 'r', 's'}, {'c', 's', 'r'}, {'r', 'c', 's'}, {'r', 's', 'c'}, {'s', 'c', 'r'}, {'s', 'r', 'c'}}};
  return kOrders[mix(mix(seed) ^ round) % kOrders.size()];
}

PairedSamples sample_pairs(const PairedWork& work, StoppingRule rule, std::uint64_t seed, std::int64_t min_ns) {
  PairedSamples samples;
  samples.seed = seed;
  const double enough = static_cast<double>(min_ns) * 1e-9;
  for (std::uint64_t round = 0; !rule.done(); ++round) {
    Sample candidate{work.candidate, "candidate"}, reference{work.reference, "reference"},
        again{work.reference_again, "reference"};
    auto order = order_of_round(seed, round);
    samples.orders.push_back(order);
    const auto side = [&](char who) -> Sample& { return who == 'c' ? candidate : who == 'r' ? reference : again; };
    const auto wanting = [&](char who) { return side(who).done.seconds < enough; };
    for (; std::any_of(order.begin(), order.end(), wanting); std::reverse(order.begin(), order.end())) {
      for (const char who : order) {
        if (wanting(who)) side(who).take_turn(min_ns / kTurnsOfSample);
      }
    }
    samples.candidate_seconds.push_back(candidate.seconds_per_unit());
    samples.reference_seconds.push_back(reference.seconds_per_unit());
    samples.self_seconds.push_back(again.seconds_per_unit());
    samples.log_ratios.push_back(std::log(reference.seconds_per_unit() / candidate.seconds_per_unit()));
    samples.self_log_ratios.push_back(std::log(reference.seconds_per_unit() / again.seconds_per_unit()));
    rule.add(samples.log_ratios.back(), samples.self_log_ratios.back());
    if (work.after_round) work.after_round();
  }
  samples.evidence = rule.evidence();
  samples.decision = rule.decision();
  return samples;
}

}  // namespace bh::harness
