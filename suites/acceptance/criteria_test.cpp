// The criteria document: read strictly, profiles chosen by facts, bounds and requirements turned into expectations.
#include "harness/judge/criteria.h"

#include <algorithm>

#include "engine/base/error.h"
#include "generated/bh_acceptance.h"
#include "suites/acceptance/acceptance.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::suites::acceptance;
using harness::Criteria;
using harness::Criterion;
using harness::criterion_of;
using harness::Expectation;
using harness::Profile;
using harness::Verdict;

namespace {

std::vector<std::string> all_ids() {
  std::vector<std::string> ids;
  for (const CaseRow& row : case_rows()) ids.emplace_back(row.id);
  return ids;
}

Criteria built_in() { return Criteria::parse(embedded::acceptance::criteria_json(), "criteria.json", "acceptance"); }

const std::string kHead = R"({"schema": "bitharness.criteria/1", "criteria": [{"id": "AC1", "title": "t"}],
  "prompts": ["p"], "known_models": [], "parameters": {"ac1": {"n": 2, "m": 5}}, )";

Criteria parse(const std::string& rest) { return Criteria::parse(kHead + rest + "}", "test.json", "acceptance"); }

std::string refusal(const std::string& rest, const std::vector<std::string>& ids = {"acceptance/ac1/a"}) {
  try {
    const Criteria criteria = parse(rest);
    for (const Profile& profile : criteria.profiles()) criteria.check_cases(profile, ids);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::setup);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("The built-in criteria fit the cases, in every profile") {
  const Criteria criteria = built_in();
  CHECK(criteria.criteria().size() == 10);
  for (const char* name : {"shipped", "2b", "3b", "gpu", "release", "any", "mock"}) {
    CAPTURE(name);
    CHECK_FALSE(criteria.expectations(criteria.named(name), all_ids()).empty());
  }
  CHECK_THROWS_AS(criteria.named("best"), Error);
}

TEST_CASE("Every case belongs to one of the ten criteria and every criterion has a case") {
  const Criteria criteria = built_in();
  for (const Criterion& criterion : criteria.criteria()) {
    CAPTURE(criterion.id);
    const auto rows = case_rows();
    CHECK(std::any_of(rows.begin(), rows.end(),
                      [&](const CaseRow& row) { return criterion_of(row.id) == criterion.id; }));
  }
  for (const CaseRow& row : case_rows()) {
    CAPTURE(row.id);
    const auto& all = criteria.criteria();
    CHECK(std::any_of(all.begin(), all.end(), [&](const Criterion& item) { return criterion_of(row.id) == item.id; }));
  }
}

TEST_CASE("Every case has a bound, so that none can pass for having run") {
  const Criteria criteria = built_in();
  for (const char* profile : {"shipped", "any"}) {
    const auto expectations = criteria.expectations(criteria.named(profile), all_ids());
    for (const CaseRow& row : case_rows()) {
      CAPTURE(profile, row.id);
      CHECK(std::any_of(expectations.begin(), expectations.end(),
                        [&](const Expectation& item) { return item.case_id == row.id && !item.metric.empty(); }));
    }
  }
}

TEST_CASE("A profile is chosen by the model's hash, then by its shape and the device") {
  const Criteria criteria = built_in();
  const std::string shipped = "61c24cd811007195d3aef6fda889f7307850d79b9756f86b1233fb520c6104b8";
  CHECK(criteria.choose({shipped, 4, 256, "cpu"}).name == "shipped");
  CHECK(criteria.choose({"0", 30, 2560, "cpu"}).name == "2b");
  CHECK(criteria.choose({"0", 30, 2560, "cuda"}).name == "gpu");
  CHECK(criteria.choose({"0", 26, 3200, "cpu"}).name == "3b");
  CHECK(criteria.choose({"0", 2, 64, "cpu"}).name == "any");
}

TEST_CASE("Absolute speeds are asked for by the profiles of large models only") {
  const Criteria criteria = built_in();
  const auto least_speed = [&](const char* profile, const char* id) {
    double least = 0;
    for (const Expectation& item : criteria.expectations(criteria.named(profile), all_ids())) {
      if (item.case_id == id && item.metric == "decode_tokens_per_second") least = *item.min;
    }
    return least;
  };
  CHECK(least_speed("2b", "acceptance/ac10/own-speed") == 15);
  CHECK(least_speed("3b", "acceptance/ac10/own-speed") == 10);
  CHECK(least_speed("gpu", "acceptance/ac10/gpu-speed") == 100);
  CHECK(least_speed("gpu-3b", "acceptance/ac10/gpu-speed") == 80);
  CHECK(least_speed("shipped", "acceptance/ac10/own-speed") < 1);
}

TEST_CASE("A profile's bounds and parameters replace single ones, and every expectation says where it is from") {
  const Criteria criteria =
      parse(R"("bounds": {"ac1/a": {"x": {"min": 1}, "y": [{"min": 2}, {"max": 9, "on_violation": "untrusted"}]}},
    "profiles": [{"name": "p", "summary": "s", "required": ["ac1/*"], "bounds": {"ac1/a": {"x": {"max": 3}}},
                  "parameters": {"ac1": {"n": 7}}}])");
  const Profile& profile = criteria.named("p");
  const auto all = criteria.expectations(profile, {"acceptance/ac1/a", "acceptance/ac1/b"});
  REQUIRE(all.size() == 5);
  CHECK(all[0].metric.empty());
  CHECK(all[0].required);
  CHECK(*all[1].min == 2);
  CHECK(all[2].on_violation == Verdict::untrusted);
  CHECK(all[3].metric == "x");
  CHECK_FALSE(all[3].min);
  CHECK(*all[3].max == 3);
  CHECK(all[3].source == "test.json profile p, AC1");
  CHECK(all[4].case_id == "acceptance/ac1/b");
  CHECK(criteria.number(profile, "ac1", "n") == 7);
  CHECK(criteria.number(profile, "ac1", "m") == 5);
  CHECK_THROWS_AS(criteria.number(profile, "ac1", "missing"), Error);
}

TEST_CASE("Bounds may stand for every case that a pattern matches") {
  const Criteria criteria = parse(R"("bounds": {"ac1/*": {"x": {"min": 1}}}, "profiles": [
    {"name": "p", "summary": "s", "required": ["ac1/*"], "bounds": {"ac1/a": {"x": {"min": 2}}}}])");
  const auto all = criteria.expectations(criteria.named("p"), {"acceptance/ac1/a", "acceptance/ac1/ab"});
  REQUIRE(all.size() == 4);
  CHECK(*all[1].min == 2);
  CHECK(*all[3].min == 1);
}

TEST_CASE("Criteria that mean nothing are refused") {
  CHECK_THAT(
      refusal(
          R"("bounds": {"ac1/typo": {"x": {"min": 1}}}, "profiles": [{"name": "p", "summary": "s", "required": []}])"),
      Catch::Contains("acceptance/ac1/typo, which is no case"));
  CHECK_THAT(refusal(R"("bounds": {}, "profiles": [{"name": "p", "summary": "s", "required": ["ac9/*"]}])"),
             Catch::Contains("requires acceptance/ac9/*, which is no case"));
  CHECK_THAT(refusal(R"("bounds": {"ac1/a": {"x": {"mim": 1}}}, "profiles": [])"), Catch::Contains("\"mim\""));
  CHECK_THAT(refusal(R"("bounds": {"ac1/a": {"x": {}}}, "profiles": [])"), Catch::Contains("neither"));
  CHECK_THAT(refusal(R"("bounds": {"ac1/a": {"x": {"min": 2, "max": 1}}}, "profiles": [])"),
             Catch::Contains("above max"));
  CHECK_THAT(refusal(R"("bounds": {"ac1/a": {"x": {"min": 1, "on_violation": "passed"}}}, "profiles": [])"),
             Catch::Contains("\"passed\""));
  CHECK_THAT(refusal(R"("bounds": {})"), Catch::Contains("profiles"));
  CHECK_THROWS_AS(Criteria::parse(R"({"schema": "bitharness.criteria/9"})", "test.json", "acceptance"), Error);
}
