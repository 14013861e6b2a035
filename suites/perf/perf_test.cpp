// The judge of speed on a fake machine: its clock moves only as far as the fake subjects say they worked, so slowdowns,
// noise and wrong answers can be planted to the percent.
#include "suites/perf/perf.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <random>

#include "engine/base/error.h"
#include "generated/bh_perf.h"
#include "harness/core/exhibits.h"
#include "harness/core/receipt.h"
#include "harness/judge/baseline.h"
#include "harness/judge/judge.h"
#include "harness/measure/environment.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/sanitized.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using harness::Report;
using harness::Result;
using harness::Verdict;

namespace {

constexpr std::int32_t kVocabulary = 2048;

/// How the fake subjects behave; the rows' open functions have no other way to learn it.
struct Machine {
  std::int64_t now = 0;
  double token_ns = 1e8;
  double engine_slowdown = 1;     ///< of the engine in this process
  double candidate_slowdown = 1;  ///< of ours as a child
  double rival_slowdown = 1;
  double noise = 0.002;
  bool wrong = false;             ///< the candidate answers something else while it is timed
  bool changes_mind = false;      ///< ... or from one repetition to the next
  int slow_candidates = 1 << 20;  ///< so many of ours as a child are slowed down, and what comes behind them
  double noise_behind = 0.002;    ///< ... is as noisy as this
  bool flat_logits = false;       ///< every token is as likely as any other
  double candidate_claimed_share = 1;
  double claimed_share = 1;  ///< reported time / time that passed
  std::string why_no_timing;
  std::mt19937 random{1};
};
Machine machine;

class FakeSubject final : public harness::Subject {
 public:
  FakeSubject(std::string name, double slowdown, bool candidate)
      : name_(std::move(name)), slowdown_(slowdown), candidate_(candidate) {}

  harness::SubjectInfo describe() const override {
    harness::SubjectInfo info;
    info.name = name_;
    info.backend = "fake";
    info.numerics = "one_answer";
    info.n_vocab = kVocabulary;
    info.n_ctx = 256;
    return info;
  }
  std::string why_not(harness::Ability) const override { return candidate_ ? "" : machine.why_no_timing; }
  std::vector<engine::TokenId> tokenize(std::string_view, const engine::EncodeOptions&) override { return {1}; }
  std::string detokenize(std::span<const engine::TokenId>) override { return {}; }
  std::vector<float> logits(std::span<const engine::TokenId> ids) override {
    // What answer() gives behind a prompt of one token is the first choice of its position.
    std::vector<float> logits(ids.size() * kVocabulary, 0.5f);
    for (std::size_t i = 0; i < ids.size(); ++i)
      logits[i * kVocabulary + (1 + 3 * i) % kVocabulary] += machine.flat_logits ? 0 : 1;
    return logits;
  }
  engine::Generation generate(std::span<const engine::TokenId> prompt,
                              const engine::GenerateOptions& options) override {
    engine::Generation generation;
    generation.ids = answer(prompt.size(), options.max_tokens);
    generation.prefill_ns = std::llround(machine.token_ns * static_cast<double>(prompt.size()));
    generation.decode_ns = std::llround(machine.token_ns * (options.max_tokens - 1));
    return generation;
  }
  void trace(std::span<const engine::TokenId>, const engine::Tap&) override {}
  harness::Timing time(const harness::TimingRequest& request) override {
    std::normal_distribution<double> noise(0, machine.noise);
    const double per_token = machine.token_ns * slowdown_ * std::exp(noise(machine.random));
    harness::Timing timing;
    timing.ids = answer(request.prompt.size(), request.decode_tokens);
    if (candidate_ && machine.wrong) timing.ids.back() += 1;
    if (candidate_ && machine.changes_mind && ++calls_ % 7 == 0) timing.ids.front() += 1;
    if (!request.reuse_prompt) timing.prefill_ns = static_cast<std::int64_t>(per_token * double(request.prompt.size()));
    for (std::int32_t i = 1; i < request.decode_tokens; ++i) {
      timing.step_ns.push_back(static_cast<std::int64_t>(per_token));
      timing.decode_ns += timing.step_ns.back();
    }
    const double claimed = machine.claimed_share * (candidate_ ? machine.candidate_claimed_share : 1);
    const auto reported = static_cast<double>(timing.prefill_ns + timing.decode_ns);
    machine.now += static_cast<std::int64_t>(reported / claimed);
    return timing;
  }

 private:
  static std::vector<engine::TokenId> answer(std::size_t prompt, std::int32_t count) {
    std::vector<engine::TokenId> ids;
    for (std::int32_t i = 0; i < count; ++i) ids.push_back(static_cast<engine::TokenId>(prompt) + 3 * i);
    return ids;
  }

  std::string name_;
  double slowdown_;
  bool candidate_;
  int calls_ = 0;
};

const harness::SubjectRow kFakes[] = {
    {"engine", "fake", false,
     [](const harness::SubjectSettings&) -> std::unique_ptr<harness::Subject> {
       return std::make_unique<FakeSubject>("engine", machine.engine_slowdown, true);
     }},
    {"previous_build", "fake", false,
     [](const harness::SubjectSettings& settings) -> std::unique_ptr<harness::Subject> {
       const bool rival = settings.address == "rival";
       if (!rival && machine.slow_candidates-- <= 0) {
         machine.candidate_slowdown = 1;
         machine.noise = machine.noise_behind;
       }
       return std::make_unique<FakeSubject>("engine", rival ? machine.rival_slowdown : machine.candidate_slowdown,
                                            !rival);
     }},
};

std::vector<std::string> reruns;  ///< what the last run told of suspects

/// A whole run: cases, results, expectations, the judge.
Report run(std::map<std::string, std::string> values) {
  values.emplace("model", (test::shipped_model() / "kjv-3m-i2_s.gguf").string());
  values.emplace("threads", "1");
  values.emplace("prompt-lengths", "4");
  values.emplace("decode-tokens", "4");
  values.emplace("seed", "1");
  const auto options = harness::Options::of(suites::perf::option_rows(), values);
  // Each look at the clock takes a little, or the bandwidth probe would read for ever.
  const harness::Clock clock{[] { return machine.now += 25'000'000; }, [] { return std::string("now"); }};
  reruns.clear();
  const auto suite = suites::perf::make(
      {&options, kFakes, clock, {}, {}, [](std::string_view case_id, Verdict first, std::string_view reason) {
         reruns.push_back(fmt::format("{} {}: {}", case_id, to_string(first), reason));
       }});
  Report report;
  report.suite = "perf";
  report.environment = harness::read_environment();
  report.started_at = report.finished_at = "2026-07-01T00:00:00.000Z";
  report.cases = suite->expand();
  report.expectations = suite->expectations();
  for (const harness::Case& item : report.cases) {
    Result result = suite->run(item);
    result.case_id = item.id;
    report.results.push_back(std::move(result));
  }
  suite->describe(report);
  harness::judge(report);
  suite->finished(report);
  return report;
}

const Result& result_of(const Report& report, const std::string& part) {
  const auto found = std::find_if(report.results.begin(), report.results.end(),
                                  [&](const Result& item) { return item.case_id.find(part) != std::string::npos; });
  REQUIRE(found != report.results.end());
  return *found;
}

Verdict against(const std::string& kind) {
  return result_of(run({{"against", "rival"}}), "against/previous_build/" + kind).verdict;
}

}  // namespace

TEST_CASE("a planted slowdown of 15 % is regressed, one of 1 % is not") {
  if (test::kSanitized) return;
  machine = {};
  machine.candidate_slowdown = 1.15;
  const Report slow = run({{"against", "rival"}});
  const Result& decode = result_of(slow, "against/previous_build/decode");
  CHECK(decode.verdict == Verdict::regressed);
  CHECK(slow.outcome.exit_code == 1);
  CHECK(*decode.find_metric("speed_ratio")->value == Approx(1 / 1.15).epsilon(0.01));
  CHECK(decode.find_metric("speed_ratio")->samples.size() == 10);
  CHECK(decode.details.contains("first_measurement"));  // a suspect was measured twice
  const auto& why = decode.details.at("first_measurement").at("reason").as_string();
  CHECK_THAT(std::string(why), Catch::Contains("speed_ratio_high is 0.8") && Catch::Contains("below 0.95"));
  CHECK(std::count(reruns.begin(), reruns.end(), decode.case_id + " regressed: " + std::string(why)) == 1);
  const auto comparisons = harness::comparisons_of(decode);
  REQUIRE(comparisons.size() == 1);
  CHECK(comparisons[0].conclusion == "fail");
  CHECK(result_of(slow, "against/previous_build/prefill").verdict == Verdict::regressed);

  machine = {};
  machine.candidate_slowdown = 1.01;
  const Report same = run({{"against", "rival"}});
  CHECK(result_of(same, "against/previous_build/decode").verdict == Verdict::passed);
  CHECK(same.outcome.exit_code == 0);
  machine = {};
  machine.rival_slowdown = 2;
  CHECK(against("decode") == Verdict::passed);
}

TEST_CASE("a regression is withdrawn by a second measurement that passes, not by one that says nothing") {
  if (test::kSanitized) return;
  machine = {};
  machine.candidate_slowdown = 1.15;
  machine.slow_candidates = 1;
  const Report passes = run({{"against", "rival"}});
  const Result& withdrawn = result_of(passes, "against/previous_build/prefill");
  CHECK(withdrawn.verdict == Verdict::untrusted);
  CHECK(withdrawn.reason == "the first measurement regressed, the second passed");
  machine = {};
  machine.candidate_slowdown = 1.15;
  machine.slow_candidates = 1;
  machine.noise_behind = 1;
  const Report says_nothing = run({{"against", "rival"}});
  CHECK(result_of(says_nothing, "against/previous_build/prefill").verdict == Verdict::regressed);
}

TEST_CASE("planted noise is untrusted, and a required case that is untrusted is inconclusive") {
  if (test::kSanitized) return;
  machine = {};
  machine.noise = 1.0;
  const Report report = run({{"against", "rival"}});
  const Result& pairs = result_of(report, "against/previous_build/decode");
  CHECK(pairs.verdict == Verdict::untrusted);
  CHECK_FALSE(pairs.details.contains("first_measurement"));  // a second try at passing would double the stated error
  CHECK(result_of(report, "perf/decode").verdict == Verdict::untrusted);
  CHECK(result_of(report, "perf/decode").details.contains("first_measurement"));
  CHECK(report.outcome.exit_code == 3);
}

TEST_CASE("a wrong answer fails, however fast it comes") {
  if (test::kSanitized) return;
  machine = {};
  machine.wrong = true;
  machine.engine_slowdown = machine.candidate_slowdown = 0.5;
  const Report report = run({{"against", "rival"}});
  CHECK(result_of(report, "perf/decode").verdict == Verdict::failed);
  CHECK(result_of(report, "against/previous_build/decode").verdict == Verdict::failed);
  CHECK(report.outcome.exit_code == 1);
  machine = {};
  machine.changes_mind = true;
  CHECK(result_of(run({}), "perf/decode").verdict == Verdict::failed);
  CHECK(against("decode") == Verdict::failed);
}

TEST_CASE("times that cannot be are untrusted") {
  if (test::kSanitized) return;
  machine = {};
  machine.claimed_share = 0.3;  // most of the time that passes is not reported
  CHECK(result_of(run({}), "perf/decode").verdict == Verdict::untrusted);
  CHECK(against("decode") == Verdict::untrusted);
  machine = {};
  machine.token_ns = 1e7;  // faster than the memory was measured
  const Report report = run({});
  CHECK(result_of(report, "perf/decode").verdict == Verdict::untrusted);
  CHECK(result_of(report, "perf/decode").violations.size() == 1);
}

TEST_CASE("a candidate that leaves out some of its time does not win by it") {
  if (test::kSanitized) return;
  machine = {};
  machine.candidate_claimed_share = 0.94;  // it is slower by 6 %, and says that it is not
  const Report report = run({{"against", "rival"}});
  const Result& decode = result_of(report, "against/previous_build/decode");
  CHECK(decode.verdict == Verdict::untrusted);
  CHECK(*decode.find_metric("speed_ratio")->value > 0.99);
  CHECK(*decode.find_metric("clock_ratio")->value < 0.95);
  CHECK(harness::comparisons_of(decode)[0].conclusion == "inconclusive");
}

TEST_CASE("a subject that reports next to no time is given up on") {
  if (test::kSanitized) return;
  machine = {};
  machine.token_ns = 1e6;
  machine.claimed_share = 0.01;
  CHECK_THROWS_WITH(run({}), Catch::Contains("it cannot be timed"));
}

TEST_CASE("a perf run leaves the evidence of a receipt, and choices that its logits do not make fail it") {
  if (test::kSanitized) return;
  machine = {};
  const Report report = run({});
  REQUIRE(harness::has_receipt(report));
  const json::object& note = report.notes.at(harness::kReceiptNote).as_object();
  CHECK(note.at("tokens_hash").as_string() == result_of(report, "perf/decode").details.at("tokens_hash").as_string());
  CHECK(note.at("performance_baseline").at("bandwidth_fraction").as_double() > 0);
  machine = {};
  machine.flat_logits = true;
  CHECK(result_of(run({}), "perf/decode").verdict == Verdict::failed);
}

TEST_CASE("a rival that cannot be timed is skipped with its reason, and the run is inconclusive") {
  if (test::kSanitized) return;
  machine = {};
  machine.why_no_timing = "it does not say";
  const Report report = run({{"against", "rival"}});
  CHECK(result_of(report, "against").verdict == Verdict::skipped);
  CHECK(result_of(report, "against").reason == "it does not say");
  CHECK(report.outcome.exit_code == 3);
}

TEST_CASE("a missing baseline is inconclusive") {
  if (test::kSanitized) return;
  machine = {};
  const Report report = run({{"baseline", "/nowhere/perf.json"}});
  CHECK(result_of(report, "perf/baseline").verdict == Verdict::skipped);
  CHECK_THAT(result_of(report, "perf/baseline").reason, Catch::Contains("missing baseline"));
  CHECK(report.outcome.exit_code == 3);
}

TEST_CASE("a baseline gates f in its machine class and speeds on its machine") {
  if (test::kSanitized) return;
  const test::TempFolder folder;
  machine = {};
  const Report promoted = run({{"promote", "true"}, {"baselines", folder.path().string()}});
  REQUIRE(promoted.outcome.exit_code == 0);
  const auto path = harness::baseline_path(folder.path(), promoted).string();
  REQUIRE(std::filesystem::exists(path));

  machine = {};
  const Report same = run({{"baseline", path}});
  CHECK(same.outcome.exit_code == 0);
  CHECK(*result_of(same, "perf/baseline").find_metric("gated_cases")->value == 3);
  CHECK(*result_of(same, "perf/decode").find_metric("answer_equals_baseline")->value == 1);

  machine = {};
  machine.engine_slowdown = 1.15;
  const Report slow = run({{"baseline", path}});
  CHECK(result_of(slow, "perf/decode").verdict == Verdict::regressed);
  CHECK_THAT(result_of(slow, "perf/decode").reason, Catch::Contains("baseline_ratio_high"));
  CHECK(slow.outcome.exit_code == 1);

  machine = {};
  machine.engine_slowdown = 1.01;
  CHECK(run({{"baseline", path}}).outcome.exit_code == 0);
}

TEST_CASE("on another machine of the class absolute speeds are shown and do not gate") {
  if (test::kSanitized) return;
  const test::TempFolder folder;
  machine = {};
  Report stored = run({});
  stored.environment.host_name += " elsewhere";
  const auto path = harness::promote(stored, folder.path(), false).string();
  machine = {};
  machine.engine_slowdown = 1.5;  // prefill has no f: it would be far outside its band
  const Report report = run({{"baseline", path}});
  CHECK(result_of(report, "perf/prefill").verdict == Verdict::passed);
  CHECK(result_of(report, "perf/decode").verdict == Verdict::regressed);
  const auto shown = harness::comparisons_of(result_of(report, "perf/prefill"));
  REQUIRE_FALSE(shown.empty());
  CHECK(shown[0].conclusion == "not gated: another machine");

  stored.environment.usable_cores *= 64;
  const auto foreign = harness::promote(stored, folder.path(), false).string();
  const Report other_class = run({{"baseline", foreign}});
  CHECK(result_of(other_class, "perf/decode").verdict == Verdict::passed);
  CHECK_THAT(result_of(other_class, "perf/baseline").reason, Catch::Contains("machine class"));
  CHECK(other_class.outcome.exit_code == 3);
}

TEST_CASE("a baseline of another answer fails, one that gates nothing is inconclusive") {
  if (test::kSanitized) return;
  const test::TempFolder folder;
  machine = {};
  Report stored = run({});
  for (Result& result : stored.results) {
    if (result.details.contains("logits_hash")) result.details["logits_hash"] = "another";
  }
  auto path = harness::promote(stored, folder.path(), true).string();
  CHECK(result_of(run({{"baseline", path}}), "perf/decode").verdict == Verdict::failed);

  for (Result& result : stored.results) result.case_id += "/of-something-else";
  for (harness::Case& item : stored.cases) item.id += "/of-something-else";
  path = harness::promote(stored, folder.path(), true).string();
  const Report report = run({{"baseline", path}});
  CHECK(result_of(report, "perf/baseline").verdict == Verdict::untrusted);
  CHECK(report.outcome.exit_code == 3);
}

TEST_CASE("a baseline that has cases which nobody measured now is inconclusive") {
  if (test::kSanitized) return;
  const test::TempFolder folder;
  machine = {};
  const Report stored = run({{"prompt-lengths", "4,8"}});
  const auto path = harness::promote(stored, folder.path(), false).string();
  machine = {};
  const Report report = run({{"baseline", path}});
  CHECK(*result_of(report, "perf/baseline").find_metric("ungated_cases")->value == 1);
  CHECK(result_of(report, "perf/baseline").verdict == Verdict::untrusted);
  CHECK(report.outcome.exit_code == 3);
}

TEST_CASE("criteria that measure nothing are refused") {
  const test::TempFolder folder;
  const std::string built_in(embedded::perf::criteria_json());
  for (const auto& [good, bad] :
       {std::pair(R"("seconds": 0.1)", R"("seconds": 0)"), std::pair(R"("margin": 0.05)", R"("margin": 0)"),
        std::pair(R"("rounds": 10)", R"("rounds": 0)"), std::pair(R"("loads": 3)", R"("loads": -1)")}) {
    std::string text = built_in;
    REQUIRE(text.find(good) != std::string::npos);
    text.replace(text.find(good), std::string(good).size(), bad);
    const auto path = folder.path() / "criteria.json";
    std::ofstream(path) << text;
    CHECK_THROWS_WITH(run({{"criteria", path.string()}}), Catch::Contains("has to lie from"));
  }
}

TEST_CASE("a run that is not green is not promoted, and says so in its exit code") {
  if (test::kSanitized) return;
  const test::TempFolder folder;
  machine = {};
  machine.noise = 1.0;
  CHECK(run({{"promote", "true"}, {"baselines", folder.path().string()}}).outcome.exit_code == 3);
  CHECK(std::filesystem::is_empty(folder.path()));
  CHECK_THROWS_AS(run({{"force", "true"}}), Error);
}

TEST_CASE("synthetic models have to exist as presets") {
  CHECK_THROWS_WITH(run({{"model", "synth:none"}}), Catch::Contains("tiny"));
}

TEST_CASE("a synthetic model is made once, in the cache") {
  const test::TempFolder folder;
  const auto options = harness::Options::of(
      suites::perf::option_rows(), {{"model", "synth:tiny"}, {"cache-dir", folder.path().string()}, {"threads", "1"}});
  const harness::Clock clock{[] { return machine.now += 25'000'000; }, {}};
  const auto path = folder.path() / "bitharness" / "synth-seed1" / "tiny-i2_s.gguf";
  machine = {};
  const auto suite = suites::perf::make({&options, kFakes, clock, {}, {}});
  const auto cases = suite->expand();
  REQUIRE_FALSE(std::filesystem::exists(path));  // listing the cases makes nothing
  CHECK(cases[0].id.find("/tiny-i2_s/") != std::string::npos);
  if (test::kSanitized) return;
  suite->run(cases[0]);
  REQUIRE(std::filesystem::exists(path));
  const auto written = std::filesystem::last_write_time(path);
  suites::perf::make({&options, kFakes, clock, {}, {}})->expand();
  CHECK(std::filesystem::last_write_time(path) == written);
}
