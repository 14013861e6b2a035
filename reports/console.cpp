// What a person reads on stdout: one line per case, the reasons of what is not green, one line of verdict.
#include <fmt/format.h>

#include <algorithm>

#include "reports/render.h"

namespace bh::reports {

namespace {

using harness::Result;
using harness::Verdict;

std::string_view colour_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
      return "\x1b[32m";
    case Verdict::warned:
    case Verdict::untrusted:
      return "\x1b[33m";
    case Verdict::skipped:
      return "\x1b[36m";
    default:
      return "\x1b[31m";
  }
}

std::string painted(std::string_view text, std::string_view colour, bool on) {
  return on ? fmt::format("{}{}\x1b[0m", colour, text) : std::string(text);
}

std::string one_line(std::string_view text) {
  std::string line = printable(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::replace(line.begin(), line.end(), '\t', ' ');
  return line;
}

void add_details(const harness::Report& report, const Result& result, std::string& out) {
  for (const auto& metric : result.metrics) {
    out += fmt::format("               {} = {}\n", metric.name, one_line(format_metric(metric)));
  }
  for (const auto& expectation : report.expectations) {
    if (expectation.case_id != result.case_id || expectation.metric.empty()) continue;
    out += fmt::format("               wants {} {} ({})\n", expectation.metric, describe_bounds(expectation),
                       expectation.source);
  }
}

}  // namespace

std::string render_console(const harness::Report& report, const harness::WriterStyle& style) {
  std::string out = fmt::format("bitharness {} {}: {}\n", report.environment.bitharness_version, report.suite,
                                one_line(describe_machine(report)));
  if (is_mock(report)) {
    out += painted("MOCK RUN: nothing below says anything about a real model", "\x1b[31m", style.colour) + "\n";
  }
  std::size_t width = 0;
  for (const Result& result : report.results) width = std::max(width, result.case_id.size());
  for (const Result& result : report.results) {
    const auto* item = report.find_case(result.case_id);
    const std::string verdict = fmt::format("{:<11}", to_string(result.verdict));
    const std::string title = item == nullptr ? "" : one_line(item->title);
    out += fmt::format("  {}  {:<{}}  {:>8}{}{}\n", painted(verdict, colour_of(result.verdict), style.colour),
                       result.case_id, width, format_seconds(result.duration_ns), title.empty() ? "" : "  ", title);
    if (!result.reason.empty()) out += fmt::format("               {}\n", one_line(result.reason));
    const bool green = result.verdict == Verdict::passed || result.verdict == Verdict::skipped;
    if (style.verbose || !green) add_details(report, result, out);
    if (!green && item != nullptr && !item->repro.empty()) {
      out += fmt::format("               repeat: {}\n", one_line(item->repro));
    }
  }
  const bool good = report.outcome.exit_code == 0;
  out += fmt::format("{}: {} in {}\n", painted(headline(report), good ? "\x1b[32m" : "\x1b[31m", style.colour),
                     count_verdicts(report), format_seconds(report.duration_ns));
  for (const auto& reason : report.outcome.reasons) out += fmt::format("  - {}\n", one_line(reason));
  return out;
}

}  // namespace bh::reports
