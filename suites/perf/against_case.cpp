#include "suites/perf/against_case.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "harness/core/exhibits.h"
#include "harness/core/statistics.h"
#include "harness/measure/paired.h"
#include "harness/measure/progress.h"
#include "harness/measure/workload.h"
#include "suites/perf/own_cases.h"

namespace bh::suites::perf {

using harness::PairedSamples;
using harness::Result;
using harness::Subject;

namespace {

/// One side of the pairs.
struct Side {
  std::unique_ptr<Subject> subject;
  std::unique_ptr<TimedSubject> timed;

  void start(const harness::Clock& clock, const Spec& spec) {
    timed = std::make_unique<TimedSubject>(*subject, clock, work_of(spec, subject->describe().n_vocab));
    timed->warm_up();
  }
  harness::TimedWork work() const {
    return [this](std::int64_t min_ns) {
      const WorkSample sample = timed->sample(min_ns);
      return harness::WorkDone{static_cast<double>(sample.tokens), static_cast<double>(sample.ns) * 1e-9};
    };
  }
};

std::vector<double> speeds(const std::vector<double>& seconds_per_token) {
  std::vector<double> values;
  values.reserve(seconds_per_token.size());
  for (const double seconds : seconds_per_token) values.push_back(1 / seconds);
  return values;
}

std::vector<double> ratios(const std::vector<double>& logs) {
  std::vector<double> values;
  values.reserve(logs.size());
  for (const double log : logs) values.push_back(std::exp(log));
  return values;
}

std::string metric_name(const Spec& spec) {
  return spec.kind == Kind::against_prefill ? "prefill_tokens_per_second" : "decode_tokens_per_second";
}

void add_samples_of(Result& result, const Spec& spec, const PairedSamples& samples) {
  const std::string name = metric_name(spec);
  add_median(result, "candidate_" + name, "tok/s", speeds(samples.candidate_seconds));
  add_median(result, "reference_" + name, "tok/s", speeds(samples.reference_seconds));
  add_median(result, "reference_again_" + name, "tok/s", speeds(samples.self_seconds));
  harness::add_samples(result, "speed_ratio", samples.evidence.ratio, "", ratios(samples.log_ratios));
  harness::add(result, "speed_ratio_low", samples.evidence.low);
  harness::add(result, "speed_ratio_high", samples.evidence.high);
  harness::add_samples(result, "noise_floor", samples.evidence.noise_floor, "", ratios(samples.self_log_ratios));
  harness::add(result, "pairs", samples.evidence.pairs);
  std::string orders;
  for (const auto& order : samples.orders) orders += std::string(order.data(), order.size()) + " ";
  orders.pop_back();
  result.details["seed"] = samples.seed;
  result.details["orders"] = orders;
  result.details["decision"] = to_string(samples.decision);
  result.details["interval_coverage"] = samples.evidence.coverage;
  result.details["overall_error"] = harness::kStatedError;
}

void add_comparison(Result& result, Bench& bench, const Spec& spec, const PairedSamples& samples) {
  harness::Comparison comparison;
  comparison.kind = "reference";
  comparison.candidate = "engine";
  comparison.against = bench.rivals()[spec.rival].name;
  comparison.metric = metric_name(spec);
  comparison.unit = "tok/s";
  comparison.candidate_value = harness::median(speeds(samples.candidate_seconds));
  comparison.against_value = harness::median(speeds(samples.reference_seconds));
  comparison.ratio = samples.evidence.ratio;
  comparison.low = samples.evidence.low;
  comparison.high = samples.evidence.high;
  comparison.noise_low = samples.evidence.self_low;
  comparison.noise_high = samples.evidence.self_high;
  comparison.margin = bench.number("gate", "margin");
  comparison.pairs = ratios(samples.log_ratios);
  comparison.conclusion = to_string(samples.decision);
  harness::add_exhibit(result, comparison);
}

/// Between the rounds, so that f belongs to the same minute as the pairs; the bytes are our engine's.
std::function<void()> bandwidth_sampler(Bench& bench, const Spec& spec, std::vector<double>& reads, double bytes) {
  if (spec.kind != Kind::against_decode || !bench.on_cpu()) return [] {};
  harness::BandwidthProbe& probe = bench.probe(bytes, spec.threads);
  return [&bench, &probe, &reads] { reads.push_back(probe.sample(bench.min_sample_ns(), bench.clock())); };
}

void add_fractions(Result& result, const PairedSamples& samples, const std::vector<double>& reads, double bytes) {
  if (reads.empty()) return;
  std::vector<double> ours;
  for (std::size_t i = 0; i < reads.size(); ++i) ours.push_back(bytes / samples.candidate_seconds[i] / reads[i]);
  add_median(result, "candidate_bandwidth_fraction", "", ours);
  add_median(result, "read_bytes_per_second", "bytes/s", reads);
  harness::add(result, "bytes_per_token", bytes, "bytes");
}

/// Each has to repeat itself; two that follow the same rounding points have to agree, too.
void add_outputs(Result& result, const Side& ours, const Side& theirs, const Side& again) {
  const harness::SubjectInfo candidate = ours.subject->describe(), reference = theirs.subject->describe();
  bool equal = ours.timed->outputs_equal() && theirs.timed->outputs_equal() && again.timed->outputs_equal() &&
               theirs.timed->ids() == again.timed->ids();
  const bool same_tokens = ours.timed->ids() == theirs.timed->ids();
  const bool must_agree = candidate.numerics == reference.numerics;
  if (must_agree) equal = equal && same_tokens;
  harness::add(result, "outputs_equal", equal ? 1 : 0);
  double agreement = ours.timed->clock_agreement();
  for (const Side* side : {&theirs, &again}) {
    const double other = side->timed->clock_agreement();
    if (std::abs(std::log(other)) > std::abs(std::log(agreement))) agreement = other;
  }
  harness::add(result, "clock_agreement", agreement);
  result.details["tokens_hash"] = hash_ids(ours.timed->ids());
  result.details["reference_tokens_hash"] = hash_ids(theirs.timed->ids());
  result.details["same_tokens"] = same_tokens;
  result.details["same_tokens_required"] = must_agree;
  result.details["candidate"] = to_json(candidate);
  result.details["reference"] = to_json(reference);
}

/// Each side times itself, since our clock counts the pipe, too; but who leaves out more of its time than the other
/// must not win by it. So the interval reaches to the ratio on our clock, and a decision that this undoes is none.
double widen_by_clocks(PairedSamples& samples, const Side& ours, const Side& theirs, double least) {
  const double ratio = ours.timed->sampled_share() / theirs.timed->sampled_share();
  samples.evidence.low *= std::min(1.0, ratio);
  samples.evidence.high *= std::max(1.0, ratio);
  const bool undone = (samples.decision == harness::Decision::pass && samples.evidence.low < least) ||
                      (samples.decision == harness::Decision::fail && samples.evidence.high >= least);
  if (undone) samples.decision = harness::Decision::inconclusive;
  return ratio;
}

}  // namespace

Result measure_against(Bench& bench, const Spec& spec, int attempt) {
  if (const std::string why = harness::why_not_measured(); !why.empty()) return harness::skipped(why);
  bench.release_engine();
  Side ours, theirs, again;
  theirs.subject = bench.open_rival(spec);
  if (const std::string why = theirs.subject->why_not(harness::Ability::timing); !why.empty()) {
    return harness::skipped(why);
  }
  ours.subject = bench.open_candidate(spec);
  again.subject = bench.open_rival(spec);
  for (Side* side : {&ours, &theirs, &again}) side->start(bench.clock(), spec);

  const double bytes = bytes_per_token(bench, spec, ours.subject->describe());
  const harness::StoppingRule rule(bench.number("gate", "margin"));
  harness::Progress progress(bench.progress(), bench.clock(),
                             fmt::format("{} beside {}", label(spec), bench.rivals()[spec.rival].name));
  std::vector<double> reads;
  const auto sample_bandwidth = bandwidth_sampler(bench, spec, reads, bytes);
  std::int64_t rounds = 0;
  PairedSamples samples = harness::sample_pairs({ours.work(), theirs.work(), again.work(),
                                                 [&] {
                                                   bench.stop_if_cancelled();
                                                   sample_bandwidth();
                                                   progress.at(++rounds, rule.max_pairs());
                                                 }},
                                                rule, bench.seed(attempt), bench.min_sample_ns());
  const double clock_ratio = widen_by_clocks(samples, ours, theirs, 1 - rule.margin());

  Result result;
  harness::add(result, "clock_ratio", clock_ratio);
  result.details["label"] = label(spec);
  result.details["model_sha256"] = bench.model_sha256(spec);
  add_samples_of(result, spec, samples);
  add_fractions(result, samples, reads, bytes);
  add_outputs(result, ours, theirs, again);
  add_comparison(result, bench, spec, samples);
  return result;
}

}  // namespace bh::suites::perf
