#include "suites/perf/own_cases.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "engine/base/error.h"
#include "harness/core/statistics.h"
#include "harness/io/sha256.h"
#include "harness/measure/cpu_time.h"
#include "harness/measure/memory.h"
#include "harness/measure/progress.h"
#include "harness/measure/stopping_rule.h"
#include "harness/measure/workload.h"
#include "suites/perf/evidence.h"

namespace bh::suites::perf {

using engine::TokenId;
using harness::Result;

namespace {

/// Right before fast: the greedy answer by the ordinary way is the timed one, and logits are numbers.
void check_output(Result& result, Bench& bench, const Spec& spec, harness::Subject& subject, const Work& work,
                  TimedSubject& timed) {
  const auto expected = subject.generate(work.prompt, greedy_options(work)).ids;
  timed.warm_up();
  const bool equal = expected == timed.ids();

  const auto n_vocab = subject.describe().n_vocab;
  const auto tokens = std::min<std::int64_t>(static_cast<std::int64_t>(bench.number("sample", "check_tokens")),
                                             bench.models()[spec.model].n_ctx);
  const std::vector<float> logits = subject.logits(harness::some_tokens(n_vocab, tokens));
  const bool finite = std::all_of(logits.begin(), logits.end(), [](float value) { return std::isfinite(value); });
  harness::add(result, "logits_finite", finite ? 1 : 0);
  result.details["logits_hash"] = harness::sha256_floats(logits);
  result.details["logits_tokens"] = tokens;
  result.details["tokens_hash"] = hash_ids(timed.ids());
  if (!equal) result.details["generated_hash"] = hash_ids(expected);
  harness::add(result, "outputs_equal", equal ? 1 : 0);
}

/// What a case that times our engine begins with.
struct TimedCase {
  TimedCase(Result& result, Bench& bench, const Spec& spec)
      : subject(bench.engine(spec)),
        work(work_of(spec, subject.describe().n_vocab)),
        timed(subject, bench.clock(), work) {
    result.details["label"] = label(spec);
    result.details["model_sha256"] = bench.model_sha256(spec);
    check_output(result, bench, spec, subject, work, timed);
    before = harness::read_cpu_time();
  }

  harness::Subject& subject;
  Work work;
  TimedSubject timed;
  harness::CpuTime before;
};

/// What is known only after the samples: whether all had one answer, whose clock they were timed with, who else ran.
void finish(Result& result, Bench& bench, const TimedCase& timed_case) {
  const auto& [subject, work, timed, before] = timed_case;
  for (harness::Metric& metric : result.metrics) {
    if (metric.name == "outputs_equal" && !timed.outputs_equal()) metric.value = 0;
  }
  harness::add(result, "clock_agreement", timed.clock_agreement());
  if (const auto shares = harness::cpu_shares(before, harness::read_cpu_time())) {
    harness::add(result, "foreign_load_share", shares->foreign);
    harness::add(result, "steal_share", shares->steal);
    const double others = shares->foreign + shares->steal;
    if (others > bench.number("sample", "foreign_load")) {
      result.verdict = harness::Verdict::warned;
      result.reason = fmt::format("others used {:.0f} % of the processors meanwhile", 100 * others);
    }
  }
  const harness::SubjectInfo info = subject.describe();
  result.details["backend"] = info.backend;
  result.details["numerics"] = info.numerics;
  json::object kernels;
  for (const engine::KernelCount& kernel : info.kernels) kernels[kernel.name] = kernel.count;
  result.details["kernels"] = std::move(kernels);
}

/// "inter_token_p95_ms" only where enough samples lie beyond.
void add_percentiles(Result& result, const std::string& stem, const std::vector<double>& samples) {
  for (const int percent : {95, 99}) {
    const std::string name = fmt::format("{}_p{}_ms", stem, percent);
    if (harness::enough_for_percentile(samples.size(), percent)) {
      harness::add(result, name, harness::percentile(samples, percent), "ms");
    } else {
      harness::add_missing(
          result, name, "ms",
          fmt::format("hidden: {} samples, it takes {}", samples.size(), harness::samples_for_percentile(percent)));
    }
  }
}

void append_ms(std::vector<double>& to, const std::vector<std::int64_t>& ns) {
  for (const std::int64_t value : ns) to.push_back(static_cast<double>(value) / 1e6);
}

void add_speed(Result& result, const std::string& name, const std::vector<double>& samples) {
  add_median(result, name, "tok/s", samples);
  harness::add(result, "relative_spread", relative_spread(samples));
}

/// How many rounds are enough, and how well they then know f.
class FractionRounds {
 public:
  /// With a fraction that is expected: looks as for pairs, each round being one of f now and f then. The two reads of a
  /// round, which should be equal, are the noise floor.
  FractionRounds(std::int64_t rounds, const std::optional<StoredFraction>& expected, double margin)
      : rounds_(rounds),
        expected_(expected),
        rule_(margin, harness::looks_from(static_cast<int>(rounds)), expected ? expected->certainty : 1) {}

  std::int64_t most() const noexcept { return expected_ ? rule_.max_pairs() : rounds_; }

  bool enough(const harness::RoofSamples& so_far) {
    if (!expected_) return static_cast<std::int64_t>(so_far.fractions.size()) >= rounds_;
    const auto& reads = so_far.read_bytes_per_second;
    rule_.add(std::log(so_far.fractions.back() / expected_->value), std::log(reads.back() / reads[reads.size() - 2]));
    return rule_.done();
  }

  void add_interval(Result& result, const std::vector<double>& fractions) const {
    harness::MedianInterval interval = harness::median_interval(fractions);
    if (expected_) {
      const harness::PairedEvidence& evidence = rule_.evidence();
      interval.low = expected_->value * evidence.low;
      interval.high = expected_->value * evidence.high;
      interval.coverage = evidence.coverage;
      result.details["decision"] = to_string(rule_.decision());
      result.details["overall_error"] = harness::kStatedError;
    }
    harness::add(result, "bandwidth_fraction_low", interval.low);
    harness::add(result, "bandwidth_fraction_high", interval.high);
    result.details["bandwidth_fraction_coverage"] = interval.coverage;
  }

 private:
  std::int64_t rounds_;
  std::optional<StoredFraction> expected_;
  harness::StoppingRule rule_;
};

/// Rounds of decoding and reading memory by turns, and what the one makes of the other.
void sample_beside_memory(Result& result, Bench& bench, const Spec& spec, const std::function<double()>& decode,
                          double bytes, const std::optional<StoredFraction>& expected) {
  harness::BandwidthProbe& probe = bench.probe(bytes, spec.threads);
  harness::Progress progress(bench.progress(), bench.clock(), label(spec));
  FractionRounds rounds(bench.table().rounds, expected, bench.number("gate", "margin"));
  const harness::RoofSamples samples = harness::sample_against_roof(
      decode, bytes, probe, bench.min_sample_ns(), bench.clock(), [&](const harness::RoofSamples& so_far) {
        progress.at(static_cast<std::int64_t>(so_far.fractions.size()), rounds.most());
        return rounds.enough(so_far);
      });
  add_speed(result, "decode_tokens_per_second", samples.tokens_per_second);
  add_median(result, "bandwidth_fraction", "", samples.fractions);
  rounds.add_interval(result, samples.fractions);
  add_median(result, "read_bytes_per_second", "bytes/s", samples.read_bytes_per_second);
  harness::add(result, "bytes_per_token", bytes, "bytes");
  harness::add(result, "implied_bytes_per_second", bytes * harness::median(samples.tokens_per_second), "bytes/s");
  result.details["probe_threads"] = probe.threads();
  result.details["probe_working_set_bytes"] = probe.working_set_bytes();
  if (harness::median(samples.fractions) > bench.number("gate", "implausible_fraction")) {
    result.violations.push_back({"implausible_speed", "cpu", "", "decoding reads faster than the memory was measured"});
  }
}

}  // namespace

Work work_of(const Spec& spec, std::int32_t n_vocab) {
  const bool prefill = spec.kind == Kind::prefill || spec.kind == Kind::against_prefill;
  const std::int32_t prompt = prefill ? spec.prompt : std::max(spec.depth, 1);
  return {harness::some_tokens(n_vocab, prompt), prefill ? 0 : spec.decode_tokens};
}

engine::GenerateOptions greedy_options(const Work& work) {
  engine::GenerateOptions greedy;
  greedy.max_tokens = work.decode_tokens + 1;
  greedy.ignore_eog = true;
  greedy.sampling.temperature = 0;
  return greedy;
}

double bytes_per_token(Bench& bench, const Spec& spec, const harness::SubjectInfo& info) {
  const engine::Model& model = bench.model(spec);
  const auto said = [&](std::string_view fact, double otherwise) {
    const json::value* value = find(info.facts, fact);
    const double bytes =
        value != nullptr && value->is_string() ? std::strtod(value->get_string().c_str(), nullptr) : otherwise;
    if (bytes >= 1 && std::isfinite(bytes)) return bytes;
    fail(ErrorKind::setup, "{} says that its {} are {}, which cannot be", info.name, fact, bytes);
  };
  const double positions = std::max(spec.depth, 1) + 0.5 * spec.decode_tokens;
  return said("greedy_step_bytes", harness::weight_bytes_per_token(model)) +
         said("cache_bytes_per_position", harness::cache_bytes_per_token(model.config, 1)) * positions;
}

std::string hash_ids(const std::vector<TokenId>& ids) {
  static_assert(sizeof(TokenId) == 4);
  return harness::sha256_hex(std::as_bytes(std::span(ids)));
}

double relative_spread(const std::vector<double>& samples) {
  return 1.4826 * harness::median_absolute_deviation(samples) / harness::median(samples);
}

void add_median(Result& result, const std::string& name, const std::string& unit, std::vector<double> samples) {
  const double value = harness::median(samples);
  harness::add_samples(result, name, value, unit, std::move(samples));
}

Result measure_load(Bench& bench, const Spec& spec) {
  Result result;
  if (const std::string why = harness::why_not_measured(); !why.empty()) return harness::skipped(why);
  bench.release_engine();
  harness::Progress progress(bench.progress(), bench.clock(), "loading " + bench.models()[spec.model].name);
  result.details["model_sha256"] = bench.model_sha256(spec);
  std::vector<double> load_ms, peaks;
  for (std::int64_t i = 0; i < bench.table().loads; ++i) {
    bench.stop_if_cancelled();
    const bool counted = harness::reset_peak_memory();
    const std::uint64_t before = harness::read_memory().resident_bytes;
    const std::int64_t start = bench.clock().steady_ns();
    const auto subject = bench.open_engine(spec);
    load_ms.push_back(static_cast<double>(bench.clock().steady_ns() - start) / 1e6);
    const std::int32_t n_vocab = subject->describe().n_vocab;
    subject->time({harness::some_tokens(n_vocab, 8), 4, false});
    const std::uint64_t peak = harness::read_memory().peak_bytes;
    if (counted) peaks.push_back(static_cast<double>(peak - std::min(peak, before)));
    progress.at(i + 1, bench.table().loads);
  }
  add_median(result, "load_ms", "ms", load_ms);
  if (peaks.empty()) {
    harness::add_missing(result, "peak_resident_bytes", "bytes", "this system does not let a process reset its peak");
  } else {
    harness::add_samples(result, "peak_resident_bytes", *std::max_element(peaks.begin(), peaks.end()), "bytes", peaks);
  }
  return result;
}

Result measure_prefill(Bench& bench, const Spec& spec) {
  Result result;
  if (const std::string why = harness::why_not_measured(); !why.empty()) return harness::skipped(why);
  TimedCase timed_case(result, bench, spec);
  harness::Progress progress(bench.progress(), bench.clock(), label(spec));
  std::vector<double> speeds, first_ms;
  for (std::int64_t round = 0; round < bench.table().rounds; ++round) {
    bench.stop_if_cancelled();
    const WorkSample sample = timed_case.timed.sample(bench.min_sample_ns());
    speeds.push_back(sample.tokens_per_second());
    append_ms(first_ms, sample.parts_ns);
    progress.at(round + 1, bench.table().rounds);
  }
  add_speed(result, "prefill_tokens_per_second", speeds);
  add_median(result, "first_token_ms", "ms", first_ms);
  add_percentiles(result, "first_token", first_ms);
  finish(result, bench, timed_case);
  return result;
}

Result measure_decode(Bench& bench, const Spec& spec, const ExpectedFraction& expected) {
  Result result;
  if (const std::string why = harness::why_not_measured(); !why.empty()) return harness::skipped(why);
  TimedCase timed_case(result, bench, spec);
  std::vector<double> step_ms;
  const auto decode = [&] {
    bench.stop_if_cancelled();
    const WorkSample sample = timed_case.timed.sample(bench.min_sample_ns());
    append_ms(step_ms, sample.parts_ns);
    return sample.tokens_per_second();
  };
  if (bench.on_cpu()) {
    const double bytes = bytes_per_token(bench, spec, timed_case.subject.describe());
    sample_beside_memory(result, bench, spec, decode, bytes, expected(bytes));
  } else {
    std::vector<double> speeds;
    for (std::int64_t round = 0; round < bench.table().rounds; ++round) speeds.push_back(decode());
    add_speed(result, "decode_tokens_per_second", speeds);
  }
  if (step_ms.empty()) {
    harness::add_missing(result, "inter_token_ms", "ms", "the subject does not tell its steps apart");
  } else {
    add_median(result, "inter_token_ms", "ms", step_ms);
    add_percentiles(result, "inter_token", step_ms);
  }
  finish(result, bench, timed_case);
  gather_evidence(bench, spec, timed_case.subject, result);
  return result;
}

}  // namespace bh::suites::perf
