#include "harness/judge/compare_reports.h"

#include "harness/judge/machine.h"

#include <algorithm>

#include "harness/core/exhibits.h"
#include "tests/support/catch.h"

using namespace bh::harness;

namespace {

/// A run whose decode speeds lie around `speed`, one percent apart.
Report run_of(double speed, Verdict verdict = Verdict::passed) {
  Report report;
  report.suite = "perf";
  Result result;
  result.case_id = "perf/decode";
  result.verdict = verdict;
  if (verdict != Verdict::passed) result.reason = "planted";
  std::vector<double> samples;
  for (int i = -5; i <= 5; ++i) samples.push_back(speed * (1 + 0.001 * i));
  add_samples(result, "decode_tokens_per_second", speed, "tok/s", samples);
  add_samples(result, "inter_token_ms", 1000 / speed, "ms", {1000 / speed});
  add_samples(result, "read_bytes_per_second", 1e9, "bytes/s", samples);
  add_samples(result, "bandwidth_fraction", speed / 100, "", [&] {
    for (double& sample : samples) sample /= 100;
    return samples;
  }());
  report.results.push_back(result);
  report.cases.push_back({result.case_id, "", {}, "bitharness perf"});
  return report;
}

const Result& only(const Report& report) {
  REQUIRE(report.results.size() == 1);
  return report.results[0];
}

}  // namespace

TEST_CASE("a run that is 15 % slower than the one before is regressed, 1 % is not") {
  const Report slow = compare_reports(run_of(100), run_of(85), 0.05);
  CHECK(only(slow).verdict == Verdict::regressed);
  CHECK(slow.outcome.exit_code == 1);
  CHECK(*only(slow).find_metric("decode_tokens_per_second_ratio")->value == Approx(0.85));
  CHECK(only(slow).find_metric("read_bytes_per_second_ratio") == nullptr);
  const Report same = compare_reports(run_of(100), run_of(99), 0.05);
  CHECK(only(same).verdict == Verdict::passed);
  CHECK(same.outcome.exit_code == 0);
  CHECK(compare_reports(run_of(85), run_of(100), 0.05).outcome.exit_code == 0);
}

TEST_CASE("shares of the bandwidth are compared with the bytes of the run before") {
  Report before = run_of(100), now = run_of(100);
  before.environment.host_name = "elsewhere";  // so that the share is what counts
  add(before.results[0], "bytes_per_token", 200, "bytes");
  add(now.results[0], "bytes_per_token", 100, "bytes");
  for (Metric& metric : now.results[0].metrics) {
    if (metric.name != "bandwidth_fraction") continue;
    *metric.value *= 0.5;  // half the bytes at the same speed
    for (double& sample : metric.samples) sample *= 0.5;
  }
  const Report report = compare_reports(before, now, 0.05);
  CHECK(only(report).verdict == Verdict::passed);
  CHECK(*only(report).find_metric("bandwidth_fraction_ratio")->value == Approx(1));
}

TEST_CASE("what lies on the margin is inconclusive") {
  const Report report = compare_reports(run_of(100), run_of(95), 0.05);
  CHECK(only(report).verdict == Verdict::untrusted);
  CHECK(report.outcome.exit_code == 3);
}

TEST_CASE("a single number is shown and not judged") {
  const auto shown = comparisons_of(only(compare_reports(run_of(100), run_of(50), 0.05)));
  const auto found =
      std::find_if(shown.begin(), shown.end(), [](const Comparison& item) { return item.metric == "inter_token_ms"; });
  REQUIRE(found != shown.end());
  CHECK(found->ratio == Approx(0.5));
  CHECK(found->conclusion == "not gated: too few samples");
}

TEST_CASE("between machines only shares are judged, between classes nothing is") {
  Report elsewhere = run_of(100);
  elsewhere.environment.host_name = "elsewhere";
  const Report report = compare_reports(elsewhere, run_of(85), 0.05);
  CHECK(only(report).verdict == Verdict::regressed);
  CHECK(only(report).reason.find("decode_tokens") == std::string::npos);
  elsewhere.environment.usable_cores = 64;
  const Report foreign = compare_reports(elsewhere, run_of(85), 0.05);
  CHECK(std::none_of(foreign.expectations.begin(), foreign.expectations.end(),
                     [](const Expectation& item) { return !item.metric.empty(); }));
  CHECK(only(foreign).verdict == Verdict::skipped);
  CHECK(foreign.outcome.exit_code == 3);
}

TEST_CASE("another answer or another model is never a matter of speed") {
  const auto answering = [](const char* hash) {
    Report report = run_of(100);
    report.results[0].details["tokens_hash"] = hash;
    return report;
  };
  CHECK(compare_reports(answering("a"), answering("a"), 0.05).outcome.exit_code == 0);
  CHECK(compare_reports(answering("a"), answering("b"), 0.05).outcome.exit_code == 1);
  Report other = answering("b");
  Report mine = answering("a");
  mine.notes["models"] = {{"m", {{"sha256", "1"}}}};
  other.notes["models"] = {{"m", {{"sha256", "2"}}}};
  for (const char* host : {"", "elsewhere"}) {  // on another machine no metric binds
    other.environment.host_name = host;
    const Report report = compare_reports(mine, other, 0.05);
    CHECK(report.results.at(0).verdict == Verdict::untrusted);
    CHECK(report.outcome.exit_code == 3);
  }
}

TEST_CASE("a comparison passes only where what was green is told, whatever else passes") {
  // A second case beside perf/decode, which always passes.
  const auto with = [](const std::string& metric, std::vector<double> samples, Verdict verdict = Verdict::passed) {
    Report report = run_of(100);
    Result second;
    second.case_id = "perf/second";
    second.verdict = verdict;
    add_samples(second, metric, 100, "", std::move(samples));
    report.results.push_back(second);
    return report;
  };
  const auto code = [](const Report& before, const Report& now) {
    return compare_reports(before, now, 0.05).outcome.exit_code;
  };
  const std::vector<double> many(9, 100.0), few(3, 100.0);
  const Report good = with("load_ms", many);
  CHECK(code(good, good) == 0);
  CHECK(code(good, with("load_ms", many, Verdict::skipped)) == 3);
  CHECK(code(good, with("load_ms", many, Verdict::untrusted)) == 3);
  CHECK(code(good, with("load_ms", few)) == 3);
  CHECK(code(good, with("other_ms", many)) == 3);
  Report elsewhere = good;
  elsewhere.environment.host_name = "elsewhere";
  CHECK(code(good, elsewhere) == 3);
  // What never could be judged, or was untold before, does not make the rest inconclusive.
  CHECK(code(with("load_ms", few), with("load_ms", few)) == 0);
  CHECK(code(with("agreement", many), with("agreement", many)) == 0);
  CHECK(code(with("load_ms", few, Verdict::untrusted), with("load_ms", few, Verdict::untrusted)) == 0);
  // Nor is it a success where nothing else is there.
  Report untold = run_of(100, Verdict::untrusted);
  untold.environment.usable_cores = 64;
  CHECK(code(untold, run_of(100, Verdict::untrusted)) == 3);
}

TEST_CASE("a run that a signal ended leaves the comparison inconclusive, and ends nothing itself") {
  Report cut = run_of(100);
  cut.interrupted_by_signal = 15;
  cut.strict = true;
  for (const Report& report : {compare_reports(cut, run_of(100), 0.05), compare_reports(run_of(100), cut, 0.05)}) {
    CHECK(report.outcome.exit_code == 3);
    CHECK(report.interrupted_by_signal == 0);
    CHECK_FALSE(report.strict);
    CHECK(report.results.at(0).reason.find("was ended by signal 15") != std::string::npos);
  }
  CHECK(compare_reports(cut, run_of(85), 0.05).outcome.exit_code == 1);
}

TEST_CASE("a case that was no better before still fails now, and one that is gone leaves the rest inconclusive") {
  CHECK(compare_reports(run_of(100, Verdict::untrusted), run_of(100, Verdict::failed), 0.05).outcome.exit_code == 1);
  Report both = run_of(100);
  both.cases.push_back(both.cases[0]);
  both.cases[1].id = "perf/gone";
  both.results.push_back(both.results[0]);
  both.results[1].case_id = "perf/gone";
  CHECK(compare_reports(both, run_of(100), 0.05).outcome.exit_code == 3);
}

TEST_CASE("a machine with absurdly many cores has a class") {
  Environment environment;
  environment.usable_cores = 2147483647;
  CHECK(machine_class(environment).find("-c1073741824") != std::string::npos);
}

TEST_CASE("a case that fails now fails the comparison, and cases of one side prove nothing") {
  CHECK(compare_reports(run_of(100), run_of(100, Verdict::failed), 0.05).outcome.exit_code == 1);
  Report other = run_of(100);
  other.results[0].case_id = "perf/other";
  const Report report = compare_reports(run_of(100), other, 0.05);
  REQUIRE(report.results.size() == 2);
  CHECK(report.results[0].verdict == Verdict::skipped);
  CHECK(report.outcome.exit_code == 3);
  CHECK(compare_reports(run_of(100), {}, 0.05).outcome.exit_code == 3);
}
