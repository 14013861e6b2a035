// The evidence of a perf run's receipt: one generation of a decode case with its kernels counted, and the full logits
// of the same tokens.
#pragma once

#include "suites/perf/bench.h"

namespace bh::suites::perf {

/// Gathers it into bench.receipt_note, where all logits of the case fit into little memory; the last such case of a run
/// stays. Fails `result`, which holds what was measured, where single steps and all positions at once disagree.
void gather_evidence(Bench& bench, const Spec& spec, harness::Subject& subject, harness::Result& result);

}  // namespace bh::suites::perf
