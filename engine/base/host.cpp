#include "engine/base/host.h"

#include <sched.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace bh {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    const auto colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

#if defined(__x86_64__)
std::uint64_t read_xcr0() noexcept {
  std::uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
}

CpuFeatures detect_features() {
  CpuFeatures features;
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return features;
  const bool os_saves_state = (c >> 27) & 1u;  // OSXSAVE
  const bool fma = (c >> 12) & 1u, f16c = (c >> 29) & 1u, avx = (c >> 28) & 1u;
  if (!os_saves_state || !avx || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return features;
  const std::uint64_t xcr0 = read_xcr0();
  const bool ymm = (xcr0 & 0x6) == 0x6, zmm = (xcr0 & 0xe6) == 0xe6, tiles = (xcr0 & 0x60000) == 0x60000;
  const auto bit = [](std::uint32_t word, int n) { return ((word >> n) & 1u) != 0; };
  features.avx2 = ymm && fma && f16c && bit(b, 5);
  features.avx512_vnni =
      features.avx2 && zmm && bit(b, 16) && bit(b, 17) && bit(b, 30) && bit(b, 31) && bit(c, 11);  // F DQ BW VL VNNI
  features.avx512_vbmi = features.avx512_vnni && bit(c, 1);
  features.amx_int8 = features.avx512_vbmi && tiles && bit(d, 24) && bit(d, 25);  // TILE INT8
  features.avx_vnni = features.avx2 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && bit(a, 4);
  return features;
}
#elif defined(__aarch64__)
CpuFeatures detect_features() {
  CpuFeatures features;
  features.neon = true;
  features.neon_dotprod = (getauxval(AT_HWCAP) & (1ul << 20)) != 0;  // HWCAP_ASIMDDP
  return features;
}
#else
CpuFeatures detect_features() { return {}; }
#endif

int cores_in_affinity_mask() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return static_cast<int>(std::thread::hardware_concurrency());
  return CPU_COUNT(&set);
}

/// The folders of the cgroup (v2) this process is in: its own, then those above it up to the root.
std::vector<std::string> cgroup_folders() {
  std::string own;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (line.rfind("0::", 0) == 0) own = line.substr(3);
  }
  std::vector<std::string> folders;
  for (std::string group = own == "/" ? "" : own;; group = group.substr(0, group.rfind('/'))) {
    folders.push_back("/sys/fs/cgroup" + group);
    if (group.empty()) return folders;
  }
}

/// Whole cores that a cgroup's quota allows, or `limit` where there is none.
int cores_in_cgroup(int limit) {
  const auto cores = [limit](double quota, double period) {
    if (quota <= 0 || period <= 0) return limit;
    return std::clamp(static_cast<int>(quota / period), 1, limit);
  };
  double quota = 0, period = 0;
  int allowed = limit;
  for (const std::string& folder : cgroup_folders()) {
    std::istringstream line(first_line(folder + "/cpu.max"));  // "max 100000" or "150000 100000"
    if (line >> quota >> period) allowed = std::min(allowed, cores(quota, period));
  }
  std::istringstream v1_quota(first_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"));
  std::istringstream v1_period(first_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us"));
  if (v1_quota >> quota && v1_period >> period) allowed = std::min(allowed, cores(quota, period));
  return allowed;
}

std::uint64_t cache_bytes(int level, const std::string& type) {
  for (int index = 0; index < 8; ++index) {
    const std::string folder = fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/", index);
    if (first_line(folder + "level") != std::to_string(level) || first_line(folder + "type") != type) continue;
    const std::string size = first_line(folder + "size");  // "32K"
    const std::uint64_t number = std::strtoull(size.c_str(), nullptr, 10);
    if (!size.empty() && size.back() == 'K') return number << 10;
    if (!size.empty() && size.back() == 'M') return number << 20;
    return number;
  }
  return 0;
}

HostFacts read_host_facts() {
  HostFacts facts;
  facts.cpu_model = cpu_model();
  utsname name{};
  if (uname(&name) == 0) {
    facts.architecture = name.machine;
    facts.os = fmt::format("{} {}", name.sysname, name.release);
  }
  facts.features = detect_features();
  facts.amd = made_by_amd();
  facts.logical_cores = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  facts.usable_cores = cores_in_cgroup(std::max(1, cores_in_affinity_mask()));
  facts.memory_bytes =
      static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  facts.l1d_bytes = cache_bytes(1, "Data");
  facts.l2_bytes = cache_bytes(2, "Unified");
  facts.l3_bytes = cache_bytes(3, "Unified");
  return facts;
}

}  // namespace

const HostFacts& host_facts() {
  static const HostFacts facts = read_host_facts();
  return facts;
}

bool made_by_amd() noexcept {
#if defined(__x86_64__)
  return __builtin_cpu_is("amd");
#else
  return false;
#endif
}

bool may_use_amx() noexcept {
#if defined(__x86_64__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const bool permitted =
      host_facts().features.amx_int8 && ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return permitted;
#else
  return false;
#endif
}

std::uint64_t available_memory_bytes() {
  std::uint64_t available = 0;
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("MemAvailable:", 0) == 0) available = std::strtoull(line.c_str() + 13, nullptr, 10) << 10;
  }
  for (const std::string& folder : cgroup_folders()) {
    std::uint64_t limit = 0, used = 0;
    std::istringstream limit_line(first_line(folder + "/memory.max"));  // "max" or a number
    std::istringstream used_line(first_line(folder + "/memory.current"));
    if (limit_line >> limit && used_line >> used) available = std::min(available, limit - std::min(limit, used));
  }
  return available;
}

}  // namespace bh
