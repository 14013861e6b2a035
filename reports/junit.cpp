// JUnit XML as CI systems read it. What is untrusted or interrupted is never shown as a pass.
#include <fmt/format.h>

#include "engine/base/json.h"
#include "reports/html_text.h"
#include "reports/render.h"

namespace bh::reports {

namespace {

using harness::Verdict;

std::string escaped(std::string_view text) {
  std::string out = html_escaped(text);
  // In an attribute a parser would turn line breaks into spaces; U+FFFE and U+FFFF are valid UTF-8 and illegal in XML.
  for (const auto& [what, by] : {std::pair<std::string_view, std::string_view>{"\n", "&#10;"},
                                 {"\t", "&#9;"},
                                 {"\xef\xbf\xbe", "\xef\xbf\xbd"},
                                 {"\xef\xbf\xbf", "\xef\xbf\xbd"}}) {
    for (auto at = out.find(what); at != std::string::npos; at = out.find(what, at + by.size())) {
      out.replace(at, what.size(), by);
    }
  }
  return out;
}

std::string_view element_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
    case Verdict::warned:
      return "";
    case Verdict::skipped:
      return "skipped";
    case Verdict::errored:
    case Verdict::interrupted:
      return "error";
    case Verdict::failed:
    case Verdict::regressed:
    case Verdict::untrusted:
      return "failure";
  }
  return "error";
}

std::string seconds(std::int64_t nanoseconds) { return fmt::format("{:.3f}", static_cast<double>(nanoseconds) * 1e-9); }

std::string system_out(const harness::Report& report, const harness::Result& result) {
  std::string text;
  for (const auto& metric : result.metrics) text += fmt::format("{} = {}\n", metric.name, format_metric(metric));
  if (result.verdict == Verdict::warned) text += fmt::format("warned: {}\n", result.reason);
  if (const auto* item = report.find_case(result.case_id); item != nullptr && !item->repro.empty()) {
    text += fmt::format("repeat: {}\n", item->repro);
  }
  return text;
}

}  // namespace

std::string render_junit(const harness::Report& report, const harness::WriterStyle&) {
  int failures = 0, errors = 0, skipped = 0;
  std::string cases;
  for (const auto& result : report.results) {
    const auto element = element_of(result.verdict);
    failures += element == "failure" ? 1 : 0;
    errors += element == "error" ? 1 : 0;
    skipped += element == "skipped" ? 1 : 0;
    cases += fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{}\">\n", escaped(report.suite),
                         escaped(result.case_id), seconds(result.duration_ns));
    if (element == "skipped") {
      cases += fmt::format("      <skipped message=\"{}\"/>\n", escaped(result.reason));
    } else if (!element.empty()) {
      cases += fmt::format("      <{} type=\"{}\" message=\"{}\"/>\n", element, to_string(result.verdict),
                           escaped(result.reason));
    }
    const std::string text = system_out(report, result);
    if (!text.empty()) cases += fmt::format("      <system-out>{}</system-out>\n", escaped(text));
    cases += "    </testcase>\n";
  }
  const std::string counts = fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
                                         report.results.size(), failures, errors, skipped, seconds(report.duration_ns));
  std::string properties;
  for (const auto& [name, value] : {std::pair<std::string, std::string>{"outcome", headline(report)},
                                    {"exit_code", std::to_string(report.outcome.exit_code)},
                                    {"mock", is_mock(report) ? "true" : "false"},
                                    {"machine", describe_machine(report)}}) {
    properties += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", name, escaped(value));
  }
  // JUnit's timestamp has no zone: seconds in UTC.
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"bitharness\" {}>\n"
      "  <testsuite name=\"{}\" timestamp=\"{}\" {}>\n    <properties>\n{}    </properties>\n{}  </testsuite>\n"
      "</testsuites>\n",
      counts, escaped(report.suite), escaped(report.started_at.substr(0, 19)), counts, properties, cases);
}

}  // namespace bh::reports
