// What tests of CPU kernels share: the kernels to test, and values that are hard on them.
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "engine/cpu/kernel_table.h"

namespace bh::test {

/// Those of every instruction set that this machine can run.
inline std::vector<engine::BoundKernels> usable_kernels() {
  std::vector<engine::BoundKernels> list;
  for (const engine::KernelInfo& info : engine::cpu_kernels()) {
    const bool ternary = info.op == engine::to_string(engine::Op::ternary_matmul);
    if (ternary && info.why_unusable.empty()) list.push_back(engine::bind_kernels(info.isa));
  }
  return list;
}

inline const engine::BoundKernels& scalar() {
  static const engine::BoundKernels kernels = engine::bind_kernels("scalar");
  return kernels;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Values of many magnitudes, zeros and exact ties for rounding among them.
inline std::vector<float> awkward_floats(std::int64_t n, std::int64_t padded, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(static_cast<std::size_t>(padded), 0.0f);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto draw = static_cast<float>(random()) * 0x1p-32f - 0.5f;
    values[static_cast<std::size_t>(i)] = i % 11 == 3 ? 0.0f : i % 7 == 1 ? draw * 1e-3f : draw * 8.0f;
  }
  return values;
}

inline constexpr float kGuard = 12345.678f;  ///< behind an output, to be left alone

}  // namespace bh::test
