#include "harness/judge/weight_rules.h"

#include <limits>

#include "engine/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace bh;
using namespace bh::harness;

namespace {

engine::TensorStats norm(double rms) {
  engine::TensorStats stats;
  stats.name = "blk.3.ffn_norm.weight";
  stats.rms = rms;
  return stats;
}

}  // namespace

TEST_CASE("an architecture without rules of its own gets the generic ones") {
  CHECK(weight_rules_for("bitnet-b1.58").name == "bitnet");
  CHECK(weight_rules_for("bitnet").name == "bitnet");
  CHECK(weight_rules_for("llama").name == "generic");
}

TEST_CASE("the first band whose pattern matches decides, bounds included") {
  const auto rules =
      parse_weight_rules(
          R"({"schema": "bitharness.weight_rules/1", "sets": [{"name": "s", "architectures": ["a"], "bands": [
          {"tensors": "*norm*", "rms_min": 0.5, "rms_max": 2}, {"tensors": "*", "rms_min": 10, "rms_max": 20}]}]})",
          "test")
          .at(0);
  CHECK(find_fault(rules, norm(0.5)).empty());
  CHECK(find_fault(rules, norm(2)).empty());
  CHECK(find_fault(rules, norm(0.499)) == "RMS 0.499 is outside 0.5 to 2 (rules s, *norm*)");
  CHECK_FALSE(find_fault(rules, norm(std::numeric_limits<double>::quiet_NaN())).empty());
  engine::TensorStats other = norm(15);
  other.name = "output.weight";
  CHECK(find_fault(rules, other).empty());
}

TEST_CASE("zeros, values that are not finite and illegal codes are faults whatever the RMS") {
  const WeightRules rules = weight_rules_for("bitnet-b1.58");
  CHECK(find_fault(rules, norm(1)).empty());
  engine::TensorStats stats = norm(1);
  stats.zero_fraction = 1;
  CHECK(find_fault(rules, stats) == "all values are zero");
  stats = norm(1);
  stats.nonfinite = 3;
  CHECK(find_fault(rules, stats) == "3 values are not finite");
  stats = norm(1);
  stats.illegal_codes = 2;
  CHECK(find_fault(rules, stats) == "2 codes stand for no value");
}

TEST_CASE("the shipped model is sound by the rules of its architecture") {
  const auto model = engine::load_model(test::shipped_model() / "kjv-3m-i2_s.gguf");
  const WeightRules rules = weight_rules_for(model->config.architecture);
  const auto all = engine::model_stats(*model);
  CHECK(all.size() >= 46);
  for (const auto& stats : all) {
    CAPTURE(stats.name);
    CHECK(find_fault(rules, stats).empty());
  }
}

TEST_CASE("a rules document that is not understood is refused by its name") {
  for (const char* text :
       {"{}", R"({"schema": "other", "sets": []})",
        R"({"schema": "bitharness.weight_rules/1", "sets": [{"name": "s"}]})",
        R"({"schema": "bitharness.weight_rules/1", "sets": [{"name": "s", "architectures": [1], "bands": []}]})"}) {
    CHECK_THROWS_WITH(parse_weight_rules(text, "rules.json"), Catch::Contains("rules.json"));
  }
}
