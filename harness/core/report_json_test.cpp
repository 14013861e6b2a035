#include "harness/core/report_json.h"

#include <limits>

#include "engine/base/error.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::harness;

namespace {

Report sample_report() {
  Report report;
  report.suite = "fake";
  report.command_line = "bitharness fake";
  report.started_at = "2026-01-02T03:04:05.678Z";
  report.finished_at = "2026-01-02T03:04:06.678Z";
  report.duration_ns = 1'000'000'000;
  report.strict = true;
  report.environment.cpu_model = "a CPU";
  report.environment.cpu_features = {"avx2"};
  report.environment.memory_bytes = std::uint64_t{1} << 40;
  report.options = {{"threads", {"2"}, OptionSource::environment}};
  report.subject = {{"name", "mock"}};
  report.notes = {{"profile", "shipped"}};
  report.cases = {{"fake/a", "A", {{"n", 3}}, "bitharness fake --filter fake/a"}};
  Result result;
  result.case_id = "fake/a";
  result.verdict = Verdict::regressed;
  result.reason = "slower";
  result.metrics = {{"tokens_per_second", "tok/s", 12.5, {12.0, 13.0}, ""}, {"ppl", "", std::nullopt, {}, "no file"}};
  result.details = {{"text", "In the beginning"}};
  result.violations = {{"mock", "cpu", "", "a mock ran"}};
  result.duration_ns = 7;
  report.results = {result};
  report.expectations = {{"fake/a", "tokens_per_second", 15.0, std::nullopt, "baseline", false, Verdict::regressed}};
  report.outcome = {1, {"fake/a regressed"}};
  return report;
}

}  // namespace

TEST_CASE("a report survives the way to JSON and back, to the byte") {
  const std::string text = write_json(to_json(sample_report()));
  const Report read = report_from_json(parse_json(text, "run.json"), "run.json");
  CHECK(write_json(to_json(read)) == text);
  CHECK(read.results.at(0).verdict == Verdict::regressed);
  CHECK(read.results.at(0).metrics.at(0).value == 12.5);
  CHECK_FALSE(read.results.at(0).metrics.at(1).value.has_value());
  CHECK(read.environment.memory_bytes == std::uint64_t{1} << 40);
  CHECK(read.expectations.at(0).min == 15.0);
  CHECK_FALSE(read.expectations.at(0).required);
}

TEST_CASE("values that are not finite become null with a note, and bad UTF-8 becomes U+FFFD") {
  Report report = sample_report();
  report.results[0].metrics[0].value = std::numeric_limits<double>::quiet_NaN();
  report.results[0].metrics[0].samples = {1.0, std::numeric_limits<double>::infinity()};
  report.results[0].reason = "bad \xff byte";
  report.results[0].details["k\xfe"] = "v\xff";
  const auto document = parse_json(write_json(to_json(report)), "run.json");
  const auto& result = document.at("results").at(0);
  CHECK(result.at("metrics").at(0).at("value").is_null());
  CHECK(result.at("metrics").at(0).at("samples").at(1).is_null());
  CHECK(result.at("metrics").at(0).at("note") == "the value is not finite");
  CHECK(result.at("reason") == "bad \xef\xbf\xbd byte");
  CHECK(result.at("details").at("k\xef\xbf\xbd") == "v\xef\xbf\xbd");
}

TEST_CASE("a document of another schema, with unknown or missing keys or an unknown verdict is refused") {
  const json::object good = to_json(sample_report());
  const auto refused = [](const json::object& object) {
    try {
      report_from_json(object, "run.json");
    } catch (const Error& error) {
      return error.kind() == ErrorKind::setup && std::string(error.what()).find("run.json") == 0;
    }
    return false;
  };
  CHECK_FALSE(refused(good));
  json::object other = good;
  other["schema"] = "bitharness.run/2";
  CHECK(refused(other));
  other = good;
  other["extra"] = 1;
  CHECK(refused(other));
  other = good;
  other.erase("results");
  CHECK(refused(other));
  other = good;
  other["results"].at(0).as_object()["verdict"] = "splendid";
  CHECK(refused(other));
  other = good;
  other["strict"] = "yes";
  CHECK(refused(other));
  for (const std::int64_t signal : {std::int64_t{-1}, std::int64_t{65}, (std::int64_t{1} << 32) + 15}) {
    other = good;
    other["interrupted_by_signal"] = signal;
    CHECK(refused(other));
  }
  other["interrupted_by_signal"] = 64;
  CHECK_FALSE(refused(other));
}
