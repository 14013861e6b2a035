// `bitharness parity`: the same model as SafeTensors and as GGUF. The exact tier compares what the files hold, the
// numeric tier what is computed from it.
//
// Cases, each for a pair of files that is named by the folder's layout, "packed", "master" or "mixed":
//   parity/exact/metadata/PAIR, parity/exact/vocabulary/PAIR, parity/exact/token-ids/PAIR
//   parity/exact/codes/blk.3.ffn_down/PAIR, and likewise scales, norms and embeddings
//   parity/numeric/p2/PAIR      the third prompt, both sides in the same precision
//   parity/quantized/p2/PAIR    the same weights with int8 activations (GGUF) against float activations
//
// What reports find in a Result. Left is the folder, right the GGUF file.
//   exact, tensors: metrics comparable (0 or 1), values, differing, max_difference; details tensor, hf_tensor,
//   left_type,
//     right_type, difference {compared, differing, identical, max_difference, first {row, col, left, right}, mismatch};
//     scales have details left and right {stored, value, type, reciprocal} instead of the types; embeddings have
//     equal_if, how they were judged: quantized ones within what rounding to blocks of their format implies
//   exact/metadata, exact/vocabulary: metrics fields, differing_fields; details fields [{key, left, right, equal,
//     required}]
//   exact/token-ids: metrics strings, differing_strings; details differences [{name, text, index, left, right}]
//   numeric, quantized: metrics finite, tau_b_median (samples: one per informative step), informative_steps,
//     mean_nll_difference, greedy_equal_share (each side running free), greedy_equal_or_tie (the first difference, if
//     any, at a near tie of the reference), token_agreement_share (on the one path; a near tie of the reference
//     agrees), near_ties, logits_equal_where_required; details prompt, left and right {what, backend, mean_nll,
//     greedy_ids, greedy_text, logits_sha256}, path_ids, steps [{tau_b, common_ids}], scored_tokens,
//     max_abs_difference, logits_identical, logits_required_identical, divergences (harness/core/exhibits.h)
// Report.notes: profile, criteria_source, pairs [{pair, safetensors, gguf, safetensors_format, gguf_format,
//   safetensors_sha256, gguf_sha256, weights_identical (null until a case asked)}].
#pragma once

#include <memory>
#include <span>

#include "harness/core/suite.h"

namespace bh::suites::parity {

std::span<const harness::OptionRow> option_rows() noexcept;
std::unique_ptr<harness::Suite> make(const harness::SuiteContext& context);

}  // namespace bh::suites::parity
