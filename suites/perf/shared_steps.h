// Decoding in steps of several rows, beside plain decoding of the same tokens: several sequences together, and guessed
// tokens verified. Neighbour: own_cases.h.
#pragma once

#include "harness/core/result.h"
#include "suites/perf/bench.h"

namespace bh::suites::perf {

harness::Result measure_together(Bench& bench, const Spec& spec);
harness::Result measure_speculated(Bench& bench, const Spec& spec);

}  // namespace bh::suites::perf
