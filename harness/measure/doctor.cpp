#include "harness/measure/doctor.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "engine/base/error.h"
#include "engine/base/host.h"

namespace bh::harness {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr std::uint64_t kLeastDisk = std::uint64_t{16} << 20;

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

double gib(std::uint64_t bytes) { return static_cast<double>(bytes) / static_cast<double>(kGiB); }

Check instruction_sets() {
  const CpuFeatures& features = host_facts().features;
  if (features.avx512_vnni || features.avx2 || features.neon) {
    return {"instruction sets", Verdict::passed,
            may_use_amx()           ? "AMX-INT8"
            : features.avx512_vbmi  ? "AVX-512 with VNNI and VBMI"
            : features.avx512_vnni  ? "AVX-512 with VNNI"
            : features.avx_vnni     ? "AVX2 with VNNI"
            : features.avx2         ? "AVX2 with FMA"
            : features.neon_dotprod ? "NEON with dot products"
                                    : "NEON"};
  }
  return {"instruction sets", Verdict::warned, "only the scalar kernels can run: right, and slow"};
}

Check cores() {
  double load = 0;
  const int usable = host_facts().usable_cores;
  if (::getloadavg(&load, 1) != 1) return {"load", Verdict::skipped, "this system tells no load average"};
  const std::string message = fmt::format("load average {:.2f} on {} usable cores", load, usable);
  if (load > 0.5 * usable)
    return {"load", Verdict::warned, message + ": speeds will be noisy; let other work end first"};
  return {"load", Verdict::passed, message};
}

Check memory() {
  const std::uint64_t free = available_memory_bytes();
  if (free == 0) return {"memory", Verdict::skipped, "this system does not tell how much memory is available"};
  const std::string message = fmt::format("{:.1f} GiB available", gib(free));
  if (free < kGiB) return {"memory", Verdict::warned, message + ": a 2B model needs about 2 GiB"};
  return {"memory", Verdict::passed, message};
}

/// The nearest folder that is there.
fs::path existing(fs::path path) {
  std::error_code error;
  path = fs::absolute(path, error);
  while (!fs::exists(path, error) && path.has_relative_path()) path = path.parent_path();
  return path;
}

Check disk(const fs::path& output) {
  const fs::path folder = existing(output).lexically_normal();
  std::error_code error;
  const auto space = fs::space(folder, error);
  if (error || ::access(folder.c_str(), W_OK) != 0 || space.available < kLeastDisk) {
    return {"disk", Verdict::failed,
            fmt::format("cannot write a run into {}: {}; choose another folder (-o)", folder.string(),
                        error                          ? error.message()
                        : space.available < kLeastDisk ? "there is no room"
                                                       : "it is not yours to write")};
  }
  const std::string message = fmt::format("{:.1f} GiB free in {}", gib(space.available), folder.string());
  if (space.available < kGiB) return {"disk", Verdict::warned, message + ": made models need up to a GiB"};
  return {"disk", Verdict::passed, message};
}

Check governor() {
  const std::string name = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  if (name.empty()) return {"frequency governor", Verdict::skipped, "this system has none to look at"};
  if (name == "performance") return {"frequency governor", Verdict::passed, name};
  return {"frequency governor", Verdict::warned,
          name + ": speeds depend on how warm the clock is; 'performance' is steadier"};
}

Check huge_pages() {
  const std::string modes = first_line("/sys/kernel/mm/transparent_hugepage/enabled");
  if (modes.empty()) return {"huge pages", Verdict::skipped, "this system does not tell"};
  if (modes.find("[never]") == std::string::npos) return {"huge pages", Verdict::passed, modes};
  return {"huge pages", Verdict::warned, modes + ": large weights are read slower without; 'madvise' suffices"};
}

}  // namespace

std::vector<Check> examine_machine(const fs::path& output) {
  return {instruction_sets(), cores(), memory(), disk(output), governor(), huge_pages()};
}

}  // namespace bh::harness
