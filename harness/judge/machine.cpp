#include "harness/judge/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace bh::harness {

std::string machine_class(const Environment& environment) {
  const std::string isa = environment.cpu_features.empty() ? "scalar" : environment.cpu_features.back();
  const unsigned cores = std::bit_floor(static_cast<unsigned>(std::max(1, environment.usable_cores)));
  return fmt::format("{}-{}-c{}", environment.architecture, isa, cores);
}

std::string machine_fingerprint(const Environment& environment) {
  std::string features;
  for (const std::string& feature : environment.cpu_features) features += (features.empty() ? "" : "+") + feature;
  return fmt::format("{} | {} | {} | {} of {} cores | L1d {} L2 {} L3 {} KiB | {} GiB", environment.host_name,
                     environment.cpu_model, features, environment.usable_cores, environment.logical_cores,
                     environment.l1d_bytes >> 10, environment.l2_bytes >> 10, environment.l3_bytes >> 10,
                     (environment.memory_bytes + (std::uint64_t{1} << 29)) >> 30);
}

}  // namespace bh::harness
