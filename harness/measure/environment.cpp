#include "harness/measure/environment.h"

#include <unistd.h>

#include <cstdlib>

#include "engine/base/host.h"
#include "generated/git_describe.h"

#define BH_STRING_(x) #x
#define BH_STRING(x) BH_STRING_(x)

namespace bh::harness {

std::string_view version() noexcept { return BH_VERSION; }
std::string_view git_describe() noexcept { return BH_GIT_DESCRIBE; }

std::string_view compiler() noexcept {
#if defined(__clang__)
  return "clang " BH_STRING(__clang_major__) "." BH_STRING(__clang_minor__) "." BH_STRING(__clang_patchlevel__);
#else
  return "gcc " BH_STRING(__GNUC__) "." BH_STRING(__GNUC_MINOR__) "." BH_STRING(__GNUC_PATCHLEVEL__);
#endif
}

Environment read_environment() {
  const HostFacts& host = host_facts();
  Environment e;
  e.bitharness_version = version();
  e.git_describe = git_describe();
  e.build_type = BH_BUILD_TYPE;
  e.compiler = compiler();
  char name[256] = {};
  if (::gethostname(name, sizeof(name) - 1) == 0) e.host_name = name;
  e.os = host.os;
  e.architecture = host.architecture;
  e.cpu_model = host.cpu_model;
  // The best one last: a machine's class is named by it.
  if (host.features.avx2) e.cpu_features.emplace_back("avx2");
  if (host.features.avx_vnni) e.cpu_features.emplace_back("avx_vnni");
  if (host.features.avx512_vnni) e.cpu_features.emplace_back("avx512_vnni");
  if (host.features.avx512_vbmi) e.cpu_features.emplace_back("avx512_vbmi");
  if (may_use_amx()) e.cpu_features.emplace_back("amx_int8");
  if (host.features.neon) e.cpu_features.emplace_back("neon");
  if (host.features.neon_dotprod) e.cpu_features.emplace_back("neon_dotprod");
  e.logical_cores = host.logical_cores;
  e.usable_cores = host.usable_cores;
  e.memory_bytes = host.memory_bytes;
  e.l1d_bytes = host.l1d_bytes;
  e.l2_bytes = host.l2_bytes;
  e.l3_bytes = host.l3_bytes;
  double load = 0;
  if (::getloadavg(&load, 1) == 1) e.load_average_1m = load;
  return e;
}

}  // namespace bh::harness
