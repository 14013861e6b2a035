// The cases in which our engine is measured alone: load, prefill, decode. Neighbour: against_case.h, beside a rival.
#pragma once

#include <functional>
#include <optional>

#include "harness/core/result.h"
#include "suites/perf/bench.h"
#include "suites/perf/timed_subject.h"

namespace bh::suites::perf {

harness::Result measure_load(Bench& bench, const Spec& spec);
harness::Result measure_prefill(Bench& bench, const Spec& spec);

/// A stored f, and the share of it down to which that run's own interval reaches.
struct StoredFraction {
  double value = 0;
  double certainty = 1;
};
/// What a stored baseline expects f to be, of tokens that read so many bytes; nothing where none gates it.
using ExpectedFraction = std::function<std::optional<StoredFraction>(double bytes_per_token)>;
/// Samples the rounds of the table; beside a baseline until its f is reached, missed, or neither after four times the
/// rounds.
harness::Result measure_decode(Bench& bench, const Spec& spec, const ExpectedFraction& expected);

// --- shared with against_case.cpp and evidence.cpp
Work work_of(const Spec& spec, std::int32_t n_vocab);
/// They lead to the answer that timed runs of the work have to give.
engine::GenerateOptions greedy_options(const Work& work);
std::string hash_ids(const std::vector<engine::TokenId>& ids);
/// 1.4826 MAD / median: what a standard deviation would be, were the samples normal.
double relative_spread(const std::vector<double>& samples);
/// Bytes that a token reads in the middle of the decoding: the weights, as the subject says or else as the file holds
/// them, and the KV cache.
double bytes_per_token(Bench& bench, const Spec& spec, const harness::SubjectInfo& info);
/// Samples with their median as the value.
void add_median(harness::Result& result, const std::string& name, const std::string& unit, std::vector<double> samples);

}  // namespace bh::suites::perf
