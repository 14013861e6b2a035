// The cases in which our engine and a rival are timed back to back, each in a process of its own.
#pragma once

#include "harness/core/result.h"
#include "suites/perf/bench.h"

namespace bh::suites::perf {

/// `attempt` 0, or 1 for the re-run of a suspect with a fresh seed.
harness::Result measure_against(Bench& bench, const Spec& spec, int attempt);

}  // namespace bh::suites::perf
