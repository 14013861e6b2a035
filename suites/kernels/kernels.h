// The suite kernels: every row of the CPU's kernel table alone, checked against the scalar row before it is timed.
//
//   kernels/row/KERNEL/WORKLOAD    equals_scalar, call_ns (samples: one per repetition), work_per_second (multiply-adds
//                                  or values), kernel_bytes_per_second, both also per cycle of the core clock timed
//                                  right after (work_per_cycle, bytes_per_cycle); bandwidth_fraction: of what one
//                                  thread reads of as many bytes, sampled right after; relative_spread. Skipped with
//                                  the reason where this machine cannot run the kernel.
//   kernels/criteria/...           speed_ratio: the best AVX2 ternary product over the scalar one, and the best ternary
//                                  product over a blocked FP32 one of the same shape (fp32_gemm.h), on one thread;
//                                  outputs_right: what both had computed before they were timed
#pragma once

#include <memory>
#include <span>

#include "harness/core/suite.h"

namespace bh::suites::kernels {

std::span<const harness::OptionRow> option_rows() noexcept;
std::unique_ptr<harness::Suite> make(const harness::SuiteContext& context);

}  // namespace bh::suites::kernels
