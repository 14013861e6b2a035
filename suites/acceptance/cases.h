// The cases of the acceptance suite, one function each, in the files ac1_*.cpp to ac10_*.cpp. The list stands in
// acceptance.cpp; what their metrics have to be stands in criteria.json.
#pragma once

#include "harness/core/result.h"
#include "suites/acceptance/workbench.h"

namespace bh::suites::acceptance {

harness::Result check_hash(Workbench& bench);
harness::Result check_load(Workbench& bench);
harness::Result check_refusals(Workbench& bench);

harness::Result check_real_subject(Workbench& bench);
harness::Result check_mock_subject(Workbench& bench);

harness::Result check_pipeline(Workbench& bench);

harness::Result check_greedy_repeats(Workbench& bench);
harness::Result check_recorded_text(Workbench& bench);
harness::Result check_samples(Workbench& bench);
harness::Result check_zeroed_layer(Workbench& bench);

harness::Result check_vocabulary(Workbench& bench);
harness::Result check_round_trip(Workbench& bench);
harness::Result check_hard_strings(Workbench& bench);
harness::Result check_reference_prompts(Workbench& bench);

harness::Result check_structure(Workbench& bench);
harness::Result check_weights(Workbench& bench);
harness::Result check_sibling_folders(Workbench& bench);

harness::Result check_reference_batch(Workbench& bench);
harness::Result check_reference_single(Workbench& bench);
harness::Result check_one_answer(Workbench& bench);
harness::Result check_reference_greedy(Workbench& bench);

harness::Result check_int8_perplexity(Workbench& bench);
harness::Result check_recorded_perplexity(Workbench& bench);
harness::Result check_products(Workbench& bench);
harness::Result check_master_refused(Workbench& bench);

harness::Result check_evidence(Workbench& bench);

harness::Result check_bandwidth_fraction(Workbench& bench);
harness::Result check_memory(Workbench& bench);
harness::Result check_own_speed(Workbench& bench);
harness::Result check_gpu_speed(Workbench& bench);

}  // namespace bh::suites::acceptance
