// The ladder on a reference of the test's making: our own engine in the reference's numerics, with defects planted.
// Each has to be found in its case, and no evidence is never a pass.
#include "suites/crossval/crossval.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "harness/core/exhibits.h"
#include "harness/judge/judge.h"
#include "harness/measure/clock.h"
#include "suites/crossval/trace_compare.h"
#include "suites/subjects/engine_subject.h"
#include "suites/subjects/subjects.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::suites::crossval;
using harness::Ability;
using harness::Report;
using harness::Result;
using harness::SubjectError;
using harness::SubjectFault;
using harness::Verdict;
namespace fs = std::filesystem;

namespace {

/// An address has to exist; the fake does not look at it.
const std::string kSomeFile = (test::shipped_model() / "README.md").string();

/// What is wrong with the fake reference. Rows of the list of subjects carry no state, so this one is global.
std::string planted;

class FakeReference final : public harness::Subject {
 public:
  explicit FakeReference(const harness::SubjectSettings& settings)
      : single_(settings.numerics == engine::Numerics::reference_single), inner_(settings) {
    if (planted == "refuses") throw SubjectError(SubjectFault::refused, "cannot load this");
    if (planted == "does not start") throw SubjectError(SubjectFault::not_started, "no such program");
    if (planted == "speaks another version") throw SubjectError(SubjectFault::wrong_version, "worker/9");
  }
  harness::SubjectInfo describe() const override {
    if (planted == "hangs") throw SubjectError(SubjectFault::hung, "took longer than 1 s");
    harness::SubjectInfo info = inner_.describe();
    info.name = "bitnet_cpp";
    info.version = "cafe";
    info.facts = {{"commit", "cafe"}, {"activation", planted == "silu" ? "silu" : "relu_sqr"}};
    if (planted == "no AVX2") info.facts["system_info"] = "AVX = 1 | AVX2 = 0 | ";
    return info;
  }
  std::string why_not(Ability ability) const override {
    return planted == "cannot give logits" && ability == Ability::logits ? "it is a server" : "";
  }
  std::vector<engine::TokenId> tokenize(std::string_view text, const engine::EncodeOptions& options) override {
    auto ids = inner_.tokenize(text, options);
    if (planted == "no BOS") ids.erase(ids.begin());
    return ids;
  }
  std::string detokenize(std::span<const engine::TokenId> ids) override { return inner_.detokenize(ids); }
  std::vector<float> logits(std::span<const engine::TokenId> ids) override {
    if (planted == "crashes") throw SubjectError(SubjectFault::crashed, "ended by signal 11");
    auto all = inner_.logits(ids);
    if (planted == "one logit off") all[all.size() - 7] += 40;
    if (planted == "noise in every mode") {
      // The same noise with two signs: the modes are twice as far from each other as either is from us.
      for (std::size_t i = 0; i < all.size(); ++i) {
        const float noise = static_cast<float>(i * 7919 % 101) * 0.4f - 20;
        all[i] += single_ ? noise : -noise;
      }
    }
    return all;
  }
  engine::Generation generate(std::span<const engine::TokenId> prompt,
                              const engine::GenerateOptions& options) override {
    auto generation = inner_.generate(prompt, options);
    if (planted == "writes something else") generation.ids[2] = (generation.ids[2] + 1) % 2000;
    return generation;
  }
  void trace(std::span<const engine::TokenId> ids, const engine::Tap& tap) override {
    if (planted == "prints garbage in traces") throw SubjectError(SubjectFault::garbage, "no frame");
    inner_.trace(ids, [&](std::string_view name, int layer, std::span<const float> values, std::int64_t dim) {
      std::vector<float> copy(values.begin(), values.end());
      if (planted == "one op off" && name == "ffn_glu" && layer == 2) {
        for (float& value : copy) value *= 1.0005f;
      }
      if (planted == "an op too narrow" && name == "ffn_glu" && layer == 1) {
        return tap(name, layer, std::span(copy).first(copy.size() / 2), dim / 2);
      }
      if (planted == "a position too few" && name == "attn_norm" && layer == 3) {
        return tap(name, layer, std::span(copy).first(copy.size() - static_cast<std::size_t>(dim)), dim);
      }
      tap(name, layer, copy, dim);
    });
  }
  harness::Timing time(const harness::TimingRequest& request) override { return inner_.time(request); }

 private:
  bool single_;
  suites::EngineSubject inner_;
};

Report run(const std::string& defect, std::map<std::string, std::string> values = {}) {
  static const harness::SubjectRow kRows[] = {
      {"bitnet_cpp", "a fake", false,
       [](const harness::SubjectSettings& settings) -> std::unique_ptr<harness::Subject> {
         return std::make_unique<FakeReference>(settings);
       }}};
  planted = defect;
  values.emplace("model", (test::shipped_model() / "kjv-3m-i2_s.gguf").string());
  values.emplace("threads", "1");
  if (defect != "recorded") {
    values.emplace("reference", kSomeFile);
    values.emplace("prompt", "And the LORD said unto Moses, Go");
    values.emplace("tokens", "6");
    values.emplace("profile", "shallow");
  }
  const auto options = harness::Options::of(option_rows(), values);
  const auto suite = make({&options, kRows, harness::system_clock(), {}, {}});
  Report report;
  report.cases = suite->expand();
  report.expectations = suite->expectations();
  for (const auto& item : report.cases) {
    report.results.push_back(suite->run(item));
    report.results.back().case_id = item.id;
  }
  suite->describe(report);
  harness::judge(report);
  return report;
}

const Result& result_of(const Report& report, const std::string& id) {
  const auto at = std::find_if(report.results.begin(), report.results.end(),
                               [&](const Result& result) { return result.case_id == "crossval/" + id; });
  REQUIRE(at != report.results.end());
  return *at;
}

std::vector<std::string> not_passed(const Report& report) {
  std::vector<std::string> ids;
  for (const Result& result : report.results) {
    if (result.verdict != Verdict::passed) ids.push_back(result.case_id + " " + std::string(to_string(result.verdict)));
  }
  return ids;
}

}  // namespace

TEST_CASE("a reference that computes the same passes every case") {
  const Report report = run("");
  CHECK(not_passed(report).empty());
  CHECK(report.outcome.exit_code == 0);
  const Result& ops = result_of(report, "ops/batch");
  CHECK(*ops.find_metric("max_relative_error")->value == 0);
  CHECK(*ops.find_metric("code_flips")->value == 0);
  CHECK(*ops.find_metric("codes")->value > 10000);
  CHECK(harness::layer_errors_of(ops).size() > 50);
  CHECK(report.notes.at("reference_kind").as_string() == "live");
  const json::object& parity = report.notes.at("receipt").at("parity").as_object();
  CHECK(parity.at("status") == "live");
  CHECK(parity.at("cpp_available") == true);
  CHECK(parity.at("cosine_similarity").as_double() > 0.999);
  CHECK(parity.at("exact_match_rate").is_double());
}

TEST_CASE("a model far from the reference does not pass because that is as far from itself") {
  const Report report = run("noise in every mode", {{"profile", "deep"}});
  for (const char* id : {"logits/batch", "logits/single", "bridge"}) {
    const Result& result = result_of(report, id);
    CAPTURE(id, result.reason);
    CHECK(*result.find_metric("max_difference_of_self")->value <= 1);  // by this yardstick all is well
    CHECK(result.verdict == Verdict::failed);
    CHECK_THAT(result.reason, Catch::Contains("min_cosine") && Catch::Contains("max_kl"));
  }
  CHECK(result_of(report, "self").verdict == Verdict::untrusted);
  const Report sound = run("", {{"profile", "deep"}});
  CHECK(result_of(sound, "bridge").reason.find("min_cosine") == std::string::npos);
}

TEST_CASE("recorded outputs serve without a live reference, and say so") {
  const Report report = run("recorded");
  CHECK(report.outcome.exit_code == 0);
  CHECK(report.notes.at("reference_kind").as_string() == "recorded");
  CHECK(report.notes.at("receipt").at("parity").at("status") == "recorded");
  CHECK(report.notes.at("receipt").at("parity").at("cpp_available") == false);
  CHECK(result_of(report, "ops/batch").verdict == Verdict::skipped);
  for (const Result& result : report.results) {
    if (result.verdict == Verdict::skipped) continue;
    CAPTURE(result.case_id);
    CHECK(std::string(result.details.at("reference").as_string()).find("(recorded)") != std::string::npos);
  }
}

TEST_CASE("without any reference a run is inconclusive, never green") {
  const test::TempFolder folder;
  fs::copy_file(test::shipped_model() / "kjv-3m-i2_s.gguf", folder / "model.gguf");
  const Report report = run("recorded", {{"model", (folder / "model.gguf").string()}, {"profile", "shallow"}});
  CHECK(report.outcome.exit_code == 3);
  CHECK_FALSE(report.notes.contains("receipt"));
  for (const Result& result : report.results) {
    CHECK(result.verdict == Verdict::skipped);
    CHECK_THAT(result.reason, Catch::Contains("SHA-256") || Catch::Contains("--reference"));
  }
}

TEST_CASE("each planted difference fails its own case") {
  struct Plant {
    const char* defect;
    const char* id;
    const char* words;
  };
  for (const Plant& plant :
       {Plant{"no BOS", "tokens", "only we put BOS in front"}, Plant{"one logit off", "logits/batch", "min_cosine"},
        Plant{"one logit off", "logits/single", "max_mse"},
        Plant{"writes something else", "greedy", "reference_mode_explained_share"},
        Plant{"one op off", "ops/batch", "max_relative_error"}, Plant{"one op off", "ops/single", "max_relative_error"},
        Plant{"an op too narrow", "ops/batch", "ffn_glu of layer 1: the reference shows it in the shape"},
        Plant{"an op too narrow", "trace/single", "misfits"},
        Plant{"a position too few", "ops/batch", "attn_norm of layer 3"},
        Plant{"a position too few", "trace/batch", "misfits"}}) {
    CAPTURE(plant.defect, plant.id);
    const Report report = run(plant.defect);
    CHECK(report.outcome.exit_code == 1);
    CHECK(result_of(report, plant.id).verdict == Verdict::failed);
    CHECK_THAT(result_of(report, plant.id).reason, Catch::Contains(plant.words));
  }
}

TEST_CASE("an op that differs is named, and so is the first one that leaves tolerance") {
  const Report report = run("one op off");
  CHECK(result_of(report, "ops/batch").details.at("worst").as_string() == "ffn_glu of layer 2");
  const auto& out = result_of(report, "trace/single").details.at("first_out").as_object();
  CHECK(out.at("op").as_string() == "ffn_glu");
  CHECK(out.at("layer").as_int64() == 2);
  CHECK(result_of(run(""), "trace/single").details.if_contains("first_out") == nullptr);
}

TEST_CASE("a reference for another model is not trusted") {
  for (const char* defect : {"silu", "no AVX2"}) {
    const Report report = run(defect);
    CHECK(result_of(report, "reference").verdict == Verdict::untrusted);
    CHECK_THAT(result_of(report, "reference").reason, Catch::Contains("no reference for this model"));
    CHECK(report.outcome.exit_code == 3);
  }
}

TEST_CASE("however a reference fails, that is a named outcome and no pass") {
  struct Plant {
    const char* defect;
    const char* outcome;
    const char* id;  ///< the case in which it fails
  };
  for (const Plant& plant : {Plant{"crashes", "crashed", "self"}, Plant{"hangs", "hung", "reference"},
                             Plant{"does not start", "not_started", "reference"},
                             Plant{"speaks another version", "wrong_version", "reference"},
                             Plant{"prints garbage in traces", "garbage", "ops/batch"}}) {
    CAPTURE(plant.defect);
    const Report report = run(plant.defect);
    CHECK(report.outcome.exit_code == 3);
    const Result& result = result_of(report, plant.id);
    CHECK(result.verdict == Verdict::untrusted);
    CHECK(result.details.at("outcome").as_string() == plant.outcome);
    CHECK(result.reason.find(plant.outcome) != std::string::npos);
  }
  // What crashed once is asked again by the next case; what hung is not.
  CHECK(result_of(run("crashes"), "ops/single").verdict == Verdict::passed);
  CHECK(result_of(run("hangs"), "ops/single").verdict == Verdict::skipped);
}

TEST_CASE("a model that loads here and is refused there is an expected failure, and the run inconclusive") {
  const Report report = run("refuses");
  const Result& result = result_of(report, "reference");
  CHECK(result.verdict == Verdict::skipped);
  CHECK(result.details.at("outcome").as_string() == "refused");
  CHECK_THAT(result.reason, Catch::StartsWith("xfail: "));
  CHECK(result_of(report, "logits/batch").verdict == Verdict::skipped);
  CHECK(report.outcome.exit_code == 3);
}

TEST_CASE("what a reference is not able to do is skipped with its reason") {
  const Report report = run("cannot give logits");
  CHECK(result_of(report, "logits/batch").verdict == Verdict::skipped);
  CHECK(result_of(report, "logits/batch").reason == "it is a server");
  CHECK(result_of(report, "reference").details.at("cannot").as_array().at(0).as_string() == "it is a server");
  CHECK(result_of(report, "tokens").verdict == Verdict::passed);
  CHECK(report.outcome.exit_code == 3);
}

TEST_CASE("two references stand side by side") {
  const Report report = run("", {{"lane-b", kSomeFile}});
  CHECK(result_of(report, "lanes").verdict == Verdict::passed);
  CHECK(*result_of(report, "lanes").find_metric("min_cosine")->value == Approx(1));
  CHECK(report.outcome.exit_code == 0);
}

TEST_CASE("options that fit no reference are refused") {
  CHECK_THROWS_AS(run("recorded", {{"prompt", "x"}}), Error);
  CHECK_THROWS_AS(run("recorded", {{"lane-b", kSomeFile}}), Error);
  CHECK_THROWS_AS(run("", {{"reference", "/no/such/folder"}}), Error);
  CHECK_THROWS_AS(run("", {{"reference", test::shipped_model().string()}}), Error);  // no adapter in it
}

TEST_CASE("int8 codes are those of the definition") {
  std::vector<float> row = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f};
  CHECK(int8_codes(row) == std::vector<std::int8_t>{127, 0, 2, 2, 0, -2, -2, 126});
  CHECK(int8_codes(std::vector<float>(4, 0.0f)) == std::vector<std::int8_t>(4, 0));
}
