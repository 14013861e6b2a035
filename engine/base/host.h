// Facts about this machine: instruction sets the CPU has and the OS permits, usable cores, caches, memory.
#pragma once

#include <cstdint>
#include <string>

namespace bh {

struct CpuFeatures {
  bool avx2 = false;         ///< with FMA and F16C, and ymm state enabled by the OS
  bool avx_vnni = false;     ///< AVX2 with VNNI in its own encoding
  bool avx512_vnni = false;  ///< F, BW, VL, DQ and VNNI, and zmm state enabled by the OS
  bool avx512_vbmi = false;  ///< with AVX-512 VNNI
  bool amx_int8 = false;     ///< with AVX-512 VBMI; whether this process may use it, may_use_amx() tells
  bool neon = false;         ///< of every ARM-64 CPU
  bool neon_dotprod = false;
};

struct HostFacts {
  std::string cpu_model;
  std::string architecture;  ///< "x86_64", "aarch64"
  std::string os;            ///< kernel name and release
  CpuFeatures features;
  bool amd = false;  ///< made_by_amd()
  int logical_cores = 0;
  int usable_cores = 0;  ///< after affinity mask and cgroup quota
  std::uint64_t memory_bytes = 0;
  std::uint64_t l1d_bytes = 0, l2_bytes = 0, l3_bytes = 0;  ///< 0 = unknown
};

/// Read once, then cached (immutable).
const HostFacts& host_facts();

/// Whether the CPU is one of AMD's, whose caches and vector units want other treatment than Intel's.
bool made_by_amd() noexcept;

/// Whether this process may use AMX tiles: asks the kernel (Linux 5.16 on) at the first call.
bool may_use_amx() noexcept;

/// Memory that can be taken now without swapping, within the cgroup's limit; read at each call. 0 = unknown.
std::uint64_t available_memory_bytes();

}  // namespace bh
