// `bitharness crossval`: our engine beside a reference, live or recorded, as a ladder: tokens, op by op, logits, greedy
// text.
//
// What the results hold beyond their metrics (Result.details), for reports and for plots:
//   every case        reference: its name with version; outcome: of a case that got no answer, how the reference failed
//   reference         facts: commit, build_flags, system_info, activation, ...; model_activation;
//                     known_defects: [{id, severity, effect}] that touch this comparison
//                     cannot: what a live one is not able to do, such as a server that tells no logits
//   tokens            prompts: [{prompt, tokens, equal, first_difference, ours_there, reference_there, hint, ours,
//   reference}] ops/*, trace/*    layers: exhibits (harness/core/exhibits.h), one per point in the order computed;
//                     points: [{layer, op, relative_error, max_abs, values, codes, flips}]; mode, prompts, positions;
//                     trace/*: first_out: {layer, op, relative_error, code_flips_before, cause} where one leaves
//                     tolerance
//   logits/*, self, bridge, lanes
//                     prompts: [{prompt, prompt_tokens, positions, min_cosine, median_difference_std,
//                     max_difference_std, and per position lists: cosine, l2, max_abs, mse, kl, difference_std,
//                     gap_std, same_top1, top5_share}]; self: {min_cosine, median_difference_std, max_difference_std,
//                     median_kl, max_kl, top1_share}; bridge: the same figures of our own numerics among themselves
//   receipt           reference; leaves the evidence of receipt.json, whose parity.status says live or recorded
//   greedy            divergences: exhibits; texts: [{prompt, numerics, tokens, reference_text, our_text,
//   first_difference,
//                     ours, theirs, our_margin_std, reference_margin_std, near_tie, explained}]
// Differences "_std" are in standard deviations of the reference's logits at that position; "_of_self" metrics are
// multiples of the reference's own distance between one token at a time and all in one call.
#pragma once

#include <memory>
#include <span>

#include "harness/core/suite.h"

namespace bh::suites::crossval {

std::span<const harness::OptionRow> option_rows() noexcept;
std::unique_ptr<harness::Suite> make(const harness::SuiteContext& context);

}  // namespace bh::suites::crossval
