// The one judge: a Report and its Expectations become verdicts and an exit code.
#pragma once

#include <span>

#include "harness/core/exit_code.h"
#include "harness/core/report.h"

namespace bh::harness {

/// Lowers verdicts to what the report's expectations demand and sets its outcome. Judging a judged report again changes
/// nothing. A bound is met or not; a metric that is missing or null never meets one: it makes the case untrusted.
void judge(Report& report);
/// The same of one result: those of `expectations` that are about its case.
void judge(Result& result, std::span<const Expectation> expectations);

}  // namespace bh::harness
