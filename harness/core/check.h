// One question about evidence or a machine, and its answer: what verify, doctor and sign-off are made of. Where a
// Result (result.h) is measured and judged by Expectations, a Check is decided on the spot.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "harness/core/exit_code.h"
#include "harness/core/verdict.h"

namespace bh::harness {

struct Check {
  std::string name;
  Verdict verdict = Verdict::passed;  ///< passed, warned, failed, untrusted (it cannot be told) or skipped (not asked)
  std::string message;                ///< one sentence; for people
};

/// 1 where one failed, 3 where one cannot be told or none was decided, else 0.
ExitCode exit_code_of(std::span<const Check> checks) noexcept;

json::array to_json(std::span<const Check> checks);
/// One line each: "  passed      kernels   12 ids".
std::string to_text(std::span<const Check> checks);

}  // namespace bh::harness
