// Writers are judged by what they must never do: lose a verdict, let text break the document, call a mock real.
#include <algorithm>

#include "engine/base/json.h"
#include "harness/core/report_json.h"
#include "reports/render.h"
#include "reports/writers.h"
#include "tests/support/catch.h"
#include "tests/support/json_schema.h"
#include "tests/support/made_reports.h"

using namespace bh;
using namespace bh::harness;
using namespace bh::reports;
using bh::test::report_with_every_verdict;
using Catch::Contains;

namespace {

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++found;
  return found;
}

}  // namespace

TEST_CASE("every writer of a whole report names every case, and no two write one file") {
  const Report report = report_with_every_verdict();
  std::vector<std::string_view> files;
  for (const Writer& writer : writers()) {
    const std::string text = writer.render(report, {});
    if (writer.name != "receipt" && writer.name != "llama-bench") {
      for (const Result& result : report.results) CHECK_THAT(text, Contains(result.case_id));
    }
    CHECK((writer.file_name.empty() || std::find(files.begin(), files.end(), writer.file_name) == files.end()));
    files.push_back(writer.file_name);
  }
}

TEST_CASE("writers are pure: equal reports give equal bytes") {
  for (const Writer& writer : writers()) {
    for (const auto& make : {test::report_with_every_verdict, test::made_perf_report, test::made_crossval_report}) {
      CHECK(writer.render(make(), {}) == writer.render(make(), {}));
    }
  }
}

TEST_CASE("a report read back from its record gives the same documents") {
  for (const auto& make : {test::report_with_every_verdict, test::made_perf_report, test::made_crossval_report}) {
    const Report report = make();
    const Report again = report_from_json(parse_json(render_json(report, {}), "run.json"), "run.json");
    for (const Writer& writer : writers()) CHECK(writer.render(report, {}) == writer.render(again, {}));
  }
}

TEST_CASE("a suite's own writer takes the place of the one for all, and of no other") {
  const auto names = [](std::string_view suite) {
    std::vector<std::string> files;
    for (const Writer& writer : writers_of(writers(), suite)) {
      if (writer.name == "markdown") files.push_back(file_name(writer, suite));
    }
    return files;
  };
  CHECK(names("perf") == std::vector<std::string>{"PERF_COMPARISON.md"});
  CHECK(names("parity") == std::vector<std::string>{"PARITY.md"});
  CHECK(names("acceptance") == std::vector<std::string>{"ACCEPTANCE.md"});
}

TEST_CASE("the console is without escape codes unless colour is wanted, and says how to repeat what failed") {
  const Report report = report_with_every_verdict();
  const std::string plain = render_console(report, {});
  CHECK(plain.find('\x1b') == std::string::npos);
  CHECK(render_console(report, {.colour = true, .verbose = false}).find('\x1b') != std::string::npos);
  CHECK_THAT(plain, Contains("repeat: bitharness fake --filter fake/failed"));
  CHECK_THAT(plain, !Contains("repeat: bitharness fake --filter fake/passed"));
  CHECK_THAT(plain, Contains("FAILED: 1 passed, 1 warned, 1 failed, 1 regressed"));
  CHECK_THAT(plain, Contains("wants speed >= 15 (criteria)"));
}

TEST_CASE("JUnit counts what failed, errored and was skipped, and passes nothing untrusted") {
  const std::string xml = render_junit(report_with_every_verdict(), {});
  CHECK_THAT(xml, Contains("tests=\"8\" failures=\"3\" errors=\"2\" skipped=\"1\""));
  CHECK_THAT(xml, Contains("<failure type=\"untrusted\""));
  CHECK_THAT(xml, Contains("<error type=\"interrupted\""));
  CHECK(count(xml, "<failure") == 3);
  CHECK(count(xml, "<testcase") == count(xml, "</testcase>"));
}

TEST_CASE("hostile text stays text in XML, Markdown and on the terminal") {
  Report report = report_with_every_verdict();
  const std::string hostile = "a\x01\x1b[31m<b>&\"]]>\xff\xef\xbf\xbf|`x`\nnext";
  report.results[2].reason = hostile;
  report.results[2].details = {{"text", "```\nout of the fence"}};
  report.cases[2].title = hostile;
  const std::string xml = render_junit(report, {});
  CHECK(std::none_of(xml.begin(), xml.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; }));
  CHECK_THAT(xml, Contains("&lt;b&gt;&amp;&quot;]]&gt;"));
  CHECK(xml.find("\xef\xbf\xbf") == std::string::npos);
  CHECK(xml.find('\xff') == std::string::npos);
  const std::string console = render_console(report, {});
  CHECK(console.find('\x1b') == std::string::npos);
  const std::string markdown = render_markdown(report, {});
  CHECK_THAT(markdown, Contains("&lt;b&gt;&amp;"));
  CHECK_THAT(markdown, Contains("\\|\\`x\\` next"));
  CHECK_NOTHROW(parse_json(render_json(report, {}), "run.json"));
  CHECK_NOTHROW(parse_json(render_verdicts(report, {}), "fake.json"));
}

TEST_CASE("a mock run says so in every document") {
  Report report = report_with_every_verdict();
  report.subject = {{"name", "mock"}, {"mock", true}};
  CHECK_THAT(render_console(report, {}), Contains("MOCK RUN"));
  CHECK_THAT(render_markdown(report, {}), Contains("MOCK RUN"));
  CHECK_THAT(render_summary(report, {}), Contains("MOCK RUN"));
  CHECK_THAT(render_junit(report, {}), Contains("<property name=\"mock\" value=\"true\"/>"));
  CHECK(parse_json(render_verdicts(report, {}), "x").at("mock").as_bool());
  CHECK(parse_json(render_json(report, {}), "x").at("subject").at("mock").as_bool());
  report.subject = {{"name", "engine"}, {"mock", false}};
  CHECK_THAT(render_console(report, {}), !Contains("MOCK RUN"));
}

TEST_CASE("the summary shows the worst first and stays under its limit") {
  Report report = report_with_every_verdict();
  const std::string small = render_summary(report, {});
  CHECK(small.find("| fake/errored") < small.find("| fake/failed"));
  CHECK(small.find("| fake/failed") < small.find("| fake/passed"));
  Result result = report.results[2];
  for (int i = 0; i < 5000; ++i) {
    result.case_id = "fake/more/" + std::to_string(i);
    report.results.push_back(result);
    report.outcome.reasons.push_back(result.case_id + " failed because of a reason that is not short");
  }
  const std::string large = render_summary(report, {});
  CHECK(large.size() <= kSummaryBytes);
  CHECK_THAT(large, Contains("more cases are in run.json"));
}

TEST_CASE("numbers read as people write them") {
  CHECK(format_seconds(1'240'000'000) == "1.24 s");
  CHECK(format_seconds(5'000'000) == "5.0 ms");
  CHECK(format_metric({"x", "tok/s", 12.5, {}, ""}) == "12.5 tok/s");
  CHECK(format_metric({"x", "", std::nullopt, {}, "no file"}) == "n/a (no file)");
  CHECK(format_metric({"x", "ns", 2e9, {}, ""}) == "2 s");
  CHECK(format_metric({"x", "ns", 4.2e7, {}, ""}) == "42 ms");
  CHECK(format_metric({"x", "bytes", 3.0 * (1 << 30), {}, ""}) == "3 GiB");
  CHECK(format_metric({"x", "bytes", 12, {}, ""}) == "12 bytes");
}

TEST_CASE("run.json and the verdicts validate against their schemas, which refuse what is not theirs") {
  const auto schema = test::JsonSchema::named;
  Report report = report_with_every_verdict();
  report.finished_at = report.started_at;
  report.results[2].violations = {{"mock", "cpu", "", "a mock ran"}};
  report.options = {{"threads", {"2"}, OptionSource::environment}};
  const auto record = parse_json(render_json(report, {}), "run.json");
  const auto verdicts = parse_json(render_verdicts(report, {}), "fake.json");
  CHECK(schema("run.schema.json").fault(record).empty());
  CHECK(schema("verdicts.schema.json").fault(verdicts).empty());
  CHECK_FALSE(schema("verdicts.schema.json").fault(record).empty());
  json::value spoilt = record;
  spoilt.at("results").at(0).as_object()["extra"] = 1;
  CHECK(schema("run.schema.json").fault(spoilt) == "$.results[0]: extra is not in the schema");
  spoilt = record;
  spoilt.at("results").at(1).as_object()["verdict"] = "splendid";
  CHECK_FALSE(schema("run.schema.json").fault(spoilt).empty());
  spoilt = record;
  spoilt.as_object()["started_at"] = "yesterday";
  CHECK(schema("run.schema.json").fault(spoilt) == "$.started_at: has no such form");
}
