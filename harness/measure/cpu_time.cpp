#include "harness/measure/cpu_time.h"

#include <sys/times.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace bh::harness {

CpuTime read_cpu_time() {
  CpuTime time;
  std::ifstream file("/proc/stat");
  std::string name;
  // user nice system idle iowait irq softirq steal; what follows is contained in user.
  std::int64_t fields[8] = {};
  if (!(file >> name) || name != "cpu") return time;
  for (std::int64_t& field : fields) {
    if (!(file >> field)) return time;
    time.total += field;
  }
  time.idle = fields[3] + fields[4];
  time.steal = fields[7];
  tms own{};
  ::times(&own);
  time.own = own.tms_utime + own.tms_stime + own.tms_cutime + own.tms_cstime;
  return time;
}

std::optional<CpuShares> cpu_shares(const CpuTime& before, const CpuTime& after) noexcept {
  const auto total = static_cast<double>(after.total - before.total);
  if (before.total == 0 || total < 20) return std::nullopt;
  const auto share = [total](std::int64_t ticks) { return std::clamp(static_cast<double>(ticks) / total, 0.0, 1.0); };
  const std::int64_t steal = after.steal - before.steal;
  const std::int64_t busy = (after.total - before.total) - (after.idle - before.idle) - steal;
  return CpuShares{share(busy - (after.own - before.own)), share(steal)};
}

}  // namespace bh::harness
