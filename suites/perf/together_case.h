// Several sequences decoded in shared steps: what they do together, beside one of them alone. Neighbour: own_cases.h.
#pragma once

#include "harness/core/result.h"
#include "suites/perf/bench.h"

namespace bh::suites::perf {

harness::Result measure_together(Bench& bench, const Spec& spec);

}  // namespace bh::suites::perf
