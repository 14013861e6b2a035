// What each kernel of the table is timed on: shapes of real models, data that no kernel can take a short cut through.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/cpu/kernel_table.h"

namespace bh::suites::kernels {

/// One call of a kernel, ready to run: buffers are made once and shared by all kernels of an op.
struct Workload {
  std::string name;       ///< "gemv-2560x6912", "rms_norm-2560"
  std::string unit;       ///< what `work` counts: "multiply-adds", "values"
  double work = 0;        ///< in one call
  double bytes_read = 0;  ///< weights or values that one call has to read
  std::function<void(const engine::BoundKernels&)> run;
  std::function<std::string()> output;  ///< bytes of the result of the last run
  std::function<void()> forget;         ///< overwrites the result, so that a kernel that writes nothing is found out
  double trit_bytes_read = 0;           ///< instead of bytes_read by a kernel whose weights are trits

  double bytes_read_by(const engine::BoundKernels& kernels) const {
    return trit_bytes_read > 0 && kernels.layout == engine::TernaryLayout::trits ? trit_bytes_read : bytes_read;
  }
};

/// For a row of the table; empty for an op that has none yet. Names are unique within an op.
std::vector<Workload> workloads_of(const std::string& op);

/// The matrix product that ternary kernels and FP32 are compared on: rows, columns and tokens of a prefill.
inline constexpr std::int64_t kPrefillRows = 2560, kPrefillCols = 2560, kPrefillTokens = 120;

}  // namespace bh::suites::kernels
