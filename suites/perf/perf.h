// The suite perf: how fast, against the machine, against a rival in the same minutes, against a stored baseline.
//
// Cases and what their results hold (metrics carry all raw samples; a percentile too few samples reach is null with a
// note):
//
//   perf/load/MODEL/DEVICE/tN            load_ms, peak_resident_bytes (above what the process held before)
//   perf/prefill/MODEL/DEVICE/tN/pLEN    prefill_tokens_per_second, first_token_ms and its _p95_ms, _p99_ms
//   perf/decode/MODEL/DEVICE/tN/dDEPTH   decode_tokens_per_second, inter_token_ms and its _p95_ms, _p99_ms,
//                                        bytes_per_token (weights, and the KV cache at that depth),
//                                        read_bytes_per_second (the probe, between the samples, same threads and size),
//                                        implied_bytes_per_second, bandwidth_fraction = f (_low, _high: its interval);
//                                        prefill has no f: pairs gate it, and a baseline of the same machine
//     each of the two                    outputs_equal, logits_finite, clock_agreement, relative_spread,
//                                        foreign_load_share, steal_share; first_choice_share where the case gave the
//                                        run's receipt its evidence
//     details                            label (pp128, tg32 @ d512), tokens_hash, logits_hash, model_sha256, backend,
//                                        numerics, kernels {id: count}, probe_threads, probe_working_set_bytes
//   perf/together/MODEL/DEVICE/tN/sCOUNT {together,alone}_tokens_per_second, together_ratio (_low, _high)
//   perf/speculated/MODEL/DEVICE/tN/{gPERCENT,lookup}
//                                        {speculated,plain}_tokens_per_second, speculation_ratio (_low, _high),
//                                        tokens_per_step, guesses_per_step, guesses_accepted (a share)
//     each of the two                    outputs_equal, relative_spread (speculated: of the plain speed)
//   perf/against/RIVAL/{prefill,decode}/MODEL/DEVICE/tN/{pLEN,dDEPTH}
//                                        speed_ratio (samples: one per pair; above 1 = we are faster), _low, _high,
//                                        noise_floor (samples: the reference against itself), pairs,
//                                        {candidate,reference,reference_again}_{prefill,decode}_tokens_per_second,
//                                        candidate_bandwidth_fraction, outputs_equal, clock_agreement, clock_ratio (our
//                                        share of unreported time beside the rival's; _low and _high reach to it)
//     details                            seed, orders, decision, overall_error, interval_coverage, candidate, reference
//                                        (what each says of itself), same_tokens, comparisons (harness/core/exhibits.h)
//   perf/baseline                        gated_cases, ungated_cases (details.ungated names them), other_models; other
//   cases then hold answer_equals_baseline,
//                                        baseline_ratio (_low, _high: f over the baseline's, both with the
//                                        baseline's bytes per token) and comparisons of kind "baseline"
//
// Warned: others used more than 5 % of the processors while our engine was measured alone.
// A regression is measured once more with a fresh seed, and withdrawn (untrusted) only where that passes; so is what is
// untrusted where neither pairs nor a baseline state an error. details.first_measurement holds the first.
//
// Case params: kind, model, threads, label, n_ubatch, n_prompt, n_gen, n_depth, n_sequences, guesses_that_hold,
// rival, address.
//
// Report.notes: table, device, machine_class, seed, sample_seconds, margin, looks, overall_error, criteria_source,
// models {name: path, sha256, file_bytes, n_params, output_type, ...}, baseline, receipt.
#pragma once

#include <memory>
#include <span>

#include "harness/core/suite.h"

namespace bh::suites::perf {

std::span<const harness::OptionRow> option_rows() noexcept;
std::unique_ptr<harness::Suite> make(const harness::SuiteContext& context);

}  // namespace bh::suites::perf
