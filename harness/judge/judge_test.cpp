#include "harness/judge/judge.h"

#include <limits>

#include "engine/base/json.h"
#include "harness/core/report_json.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::harness;

namespace {

Result result(const std::string& id, Verdict verdict = Verdict::passed, std::string reason = "") {
  Result item;
  item.case_id = id;
  item.verdict = verdict;
  item.reason = std::move(reason);
  return item;
}

Expectation expects(const std::string& id, bool required = true) {
  Expectation item;
  item.case_id = id;
  item.required = required;
  return item;
}

Expectation at_least(const std::string& id, double min, Verdict on_violation = Verdict::failed) {
  Expectation item = expects(id);
  item.metric = "speed";
  item.min = min;
  item.source = "criteria";
  item.on_violation = on_violation;
  return item;
}

Report report_of(std::vector<Result> results, std::vector<Expectation> expectations = {}, bool strict = false) {
  Report report;
  report.results = std::move(results);
  report.expectations = std::move(expectations);
  report.strict = strict;
  judge(report);
  return report;
}

int code_of(std::vector<Result> results, std::vector<Expectation> expectations = {}, bool strict = false) {
  return report_of(std::move(results), std::move(expectations), strict).outcome.exit_code;
}

Result with_speed(std::optional<double> speed) {
  Result item = result("a");
  item.metrics = {{"speed", "tok/s", speed, {}, speed ? "" : "the clock stood still"}};
  return item;
}

}  // namespace

TEST_CASE("each verdict alone has its exit code") {
  CHECK(code_of({result("a")}) == 0);
  CHECK(code_of({result("a", Verdict::warned, "slow")}) == 0);
  CHECK(code_of({result("a", Verdict::failed, "wrong")}) == 1);
  CHECK(code_of({result("a", Verdict::regressed, "slower")}) == 1);
  CHECK(code_of({result("a", Verdict::errored, "broke")}) == 1);
  CHECK(code_of({result("a", Verdict::untrusted, "noise")}) == 0);
  CHECK(code_of({result("a", Verdict::untrusted, "noise")}, {expects("a")}) == 3);
  CHECK(code_of({result("a"), result("b", Verdict::skipped, "no GPU")}) == 0);
  CHECK(code_of({result("a"), result("b", Verdict::skipped, "no GPU")}, {expects("b")}) == 3);
}

TEST_CASE("silence is not success") {
  CHECK(code_of({}) == 3);
  CHECK(code_of({result("a", Verdict::skipped, "no GPU")}) == 3);
  CHECK(code_of({result("a")}, {expects("b")}) == 3);
  CHECK(code_of({result("a")}, {expects("b", false)}) == 0);
}

TEST_CASE("the first exit code that applies wins") {
  Result internal = result("a", Verdict::errored, "a bug");
  internal.error_kind = "internal";
  Result setup = result("b", Verdict::errored, "no file");
  setup.error_kind = "setup";
  Result mock = result("c");
  mock.violations = {{"mock", "cpu", "", "a mock ran"}};
  const Result failed = result("d", Verdict::failed, "wrong");
  const Result skipped = result("e", Verdict::skipped, "no reference");
  const auto required = std::vector<Expectation>{expects("e")};
  CHECK(code_of({skipped, failed, mock, setup, internal}, required, true) == 5);
  CHECK(code_of({skipped, failed, mock, setup}, required, true) == 4);
  CHECK(code_of({skipped, failed, mock}, required, true) == 8);
  CHECK(code_of({skipped, failed, mock}, required, false) == 1);
  CHECK(code_of({skipped, mock}, required, false) == 3);
  CHECK(code_of({mock}, {}, false) == 0);
  Report report;
  report.results = {internal};
  report.interrupted_by_signal = 15;
  judge(report);
  CHECK(report.outcome.exit_code == 143);
}

TEST_CASE("strict mode turns violations, required skips and policy errors into exit 8 and names them") {
  Result weights = result("a");
  weights.violations = {{"suspicious_weights", "cpu", "blk.0.ffn_up", "all zero"}};
  const Report report = report_of({weights}, {}, true);
  CHECK(report.outcome.exit_code == 8);
  CHECK(report.outcome.reasons == std::vector<std::string>{"a: suspicious_weights on cpu in blk.0.ffn_up: all zero"});
  CHECK(code_of({result("a"), result("b", Verdict::skipped, "no GPU")}, {expects("b")}, true) == 8);
  CHECK(code_of({result("a"), result("b", Verdict::skipped, "no GPU")}, {}, true) == 0);
  Result policy = result("a", Verdict::errored, "refused");
  policy.error_kind = "policy";
  CHECK(code_of({policy}, {}, true) == 8);
}

TEST_CASE("bounds are inclusive and lower a verdict to what the expectation says") {
  CHECK(report_of({with_speed(5.0)}, {at_least("a", 5.0)}).results[0].verdict == Verdict::passed);
  const Report failed = report_of({with_speed(4.999)}, {at_least("a", 5.0)});
  CHECK(failed.results[0].verdict == Verdict::failed);
  CHECK(failed.results[0].reason == "speed is 4.999 tok/s, below 5 (criteria)");
  CHECK(failed.outcome.exit_code == 1);
  CHECK(report_of({with_speed(4)}, {at_least("a", 5, Verdict::regressed)}).results[0].verdict == Verdict::regressed);
  const Report warned = report_of({with_speed(4)}, {at_least("a", 5, Verdict::warned)});
  CHECK(warned.results[0].verdict == Verdict::warned);
  CHECK(warned.outcome.exit_code == 0);
  Expectation above = at_least("a", 0);
  above.min.reset();
  above.max = 3;
  CHECK(report_of({with_speed(4)}, {above}).results[0].verdict == Verdict::failed);
}

TEST_CASE("the worst of several expectations decides, whatever their order") {
  const auto warn = at_least("a", 6, Verdict::warned);
  const auto regress = at_least("a", 5, Verdict::regressed);
  CHECK(report_of({with_speed(4)}, {warn, regress}).results[0].verdict == Verdict::regressed);
  CHECK(report_of({with_speed(4)}, {regress, warn}).results[0].verdict == Verdict::regressed);
  CHECK(report_of({with_speed(5.5)}, {warn, regress}).results[0].verdict == Verdict::warned);
}

TEST_CASE("a missing metric never passes, and an infinite one fails") {
  const Report missing = report_of({result("a")}, {at_least("a", 5)});
  CHECK(missing.results[0].verdict == Verdict::untrusted);
  CHECK(missing.outcome.exit_code == 3);
  const Report null = report_of({with_speed(std::nullopt)}, {at_least("a", 5)});
  CHECK(null.results[0].reason == "speed is missing: the clock stood still (criteria)");
  CHECK(null.outcome.exit_code == 3);
  CHECK(code_of({with_speed(std::numeric_limits<double>::infinity())}, {at_least("a", 5)}) == 1);
  CHECK(code_of({with_speed(std::numeric_limits<double>::quiet_NaN())}, {at_least("a", 5)}) == 1);
}

TEST_CASE("a case that did not run to its end keeps its verdict whatever its metrics") {
  Result skipped = result("a", Verdict::skipped, "no model");
  CHECK(report_of({skipped}, {at_least("a", 5)}).results[0].verdict == Verdict::skipped);
  Result errored = result("a", Verdict::errored, "broke");
  CHECK(report_of({errored}, {at_least("a", 5)}).results[0].verdict == Verdict::errored);
}

TEST_CASE("judging twice changes nothing") {
  Report report = report_of({with_speed(4), result("b", Verdict::skipped, "no")},
                            {at_least("a", 5), at_least("a", 6, Verdict::warned), expects("b")}, true);
  const std::string once = write_json(to_json(report));
  judge(report);
  CHECK(write_json(to_json(report)) == once);
}
