#include "harness/measure/paired.h"

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

double checked(double seconds, const char* who) {
  if (!(seconds > 0) || !std::isfinite(seconds)) {
    fail(ErrorKind::setup, "the {} reports {} seconds for a piece of work: its clock cannot be used", who, seconds);
  }
  return seconds;
}

}  // namespace

std::array<char, 3> order_of_round(std::uint64_t seed, std::uint64_t round) noexcept {
  constexpr std::array<std::array<char, 3>, 6> kOrders = {
      {{'c', 'r', 's'}, {'c', 's', 'r'}, {'r', 'c', 's'}, {'r', 's', 'c'}, {'s', 'c', 'r'}, {'s', 'r', 'c'}}};
  return kOrders[mix(mix(seed) ^ round) % kOrders.size()];
}

PairedSamples sample_pairs(const PairedWork& work, StoppingRule rule, std::uint64_t seed, std::int64_t min_ns) {
  PairedSamples samples;
  samples.seed = seed;
  for (std::uint64_t round = 0; !rule.done(); ++round) {
    const auto order = order_of_round(seed, round);
    for (const char who : order) {
      if (who == 'c') samples.candidate_seconds.push_back(checked(work.candidate(min_ns), "candidate"));
      if (who == 'r') samples.reference_seconds.push_back(checked(work.reference(min_ns), "reference"));
      if (who == 's') samples.self_seconds.push_back(checked(work.reference_again(min_ns), "reference"));
    }
    samples.orders.push_back(order);
    const double reference = samples.reference_seconds.back();
    samples.log_ratios.push_back(std::log(reference / samples.candidate_seconds.back()));
    samples.self_log_ratios.push_back(std::log(reference / samples.self_seconds.back()));
    rule.add(samples.log_ratios.back(), samples.self_log_ratios.back());
    if (work.after_round) work.after_round();
  }
  samples.evidence = rule.evidence();
  samples.decision = rule.decision();
  return samples;
}

}  // namespace bh::harness
