// Reports made by code, as suites would leave them: with everything that writers know how to show.
#pragma once

#include "harness/core/report.h"

namespace bh::test {

/// Every verdict once, one metric each.
harness::Report report_with_every_verdict();
/// A paired comparison with depths and samples: one case better, one within noise, one worse.
harness::Report made_perf_report();
/// Layer errors of which one is beyond tolerance, divergences, a table per prompt.
harness::Report made_crossval_report();
/// Six runs of perf, oldest first, that get faster and then slower.
std::vector<harness::Report> made_history();

}  // namespace bh::test
