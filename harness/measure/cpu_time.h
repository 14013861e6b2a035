// Who used the processors while something was measured: this process and its children, others, or another machine on
// the same host (steal). Speeds taken beside a busy neighbour are marked as such.
#pragma once

#include <cstdint>
#include <optional>

namespace bh::harness {

/// Totals since boot and since the start of this process, in clock ticks; all 0 where /proc does not say.
struct CpuTime {
  std::int64_t total = 0;  ///< of all processors, idle or not
  std::int64_t idle = 0;
  std::int64_t steal = 0;
  std::int64_t own = 0;  ///< user and system time of this process and its waited-for children
};

CpuTime read_cpu_time();

struct CpuShares {
  double foreign = 0;  ///< share of all processor time that others on this machine used
  double steal = 0;    ///< share that the host gave to other machines
};

/// nullopt where the interval is too short for the kernel's clock or /proc says nothing. Children that still run count
/// as others: ask where the work is done in this process.
std::optional<CpuShares> cpu_shares(const CpuTime& before, const CpuTime& after) noexcept;

}  // namespace bh::harness
