// <SUITE>.md, the document of a run for people, and summary.md, its short form with the worst first.
#include <fmt/format.h>

#include "engine/base/json.h"
#include "harness/core/text.h"
#include "reports/render.h"

namespace bh::reports {

namespace {

using harness::Report;
using harness::Result;

/// Text in a table cell or sentence: nothing in it is taken for markup.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '\n':
      case '\t':
        out += ' ';
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '|':
      case '*':
      case '_':
      case '`':
      case '[':
      case ']':
      case '\\':
        out += fmt::format("\\{}", c);
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// A code block that no run of backquotes in `text` can end.
std::string fenced(std::string_view text, std::string_view language = "") {
  std::string fence = "```";
  while (text.find(fence) != std::string_view::npos) fence += '`';
  std::string body = printable(text);
  if (!body.empty() && body.back() == '\n') body.pop_back();
  return fmt::format("{}{}\n{}\n{}\n", fence, language, body, fence);
}

std::string intro(const Report& report) {
  std::string out = fmt::format("# bitharness {}: {}\n\n", cell(report.suite), headline(report));
  if (is_mock(report)) out += "**MOCK RUN: nothing below says anything about a real model.**\n\n";
  out += fmt::format("{} in {}, exit code {}{}.\n\n", count_verdicts(report), format_seconds(report.duration_ns),
                     report.outcome.exit_code, report.strict ? ", strict" : "");
  for (const auto& reason : report.outcome.reasons) out += fmt::format("- {}\n", cell(reason));
  if (!report.outcome.reasons.empty()) out += "\n";
  return out;
}

std::string json_text(const json::object& object) {
  json::value value = object;
  harness::make_valid_utf8(value);
  return write_json(value);
}

std::string environment_table(const Report& report) {
  const auto& e = report.environment;
  std::string out = "| | |\n|---|---|\n";
  const auto row = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out += fmt::format("| {} | {} |\n", name, cell(value));
  };
  row("bitharness", e.bitharness_version + (e.git_describe.empty() ? "" : " (" + e.git_describe + ")"));
  row("build", e.build_type + ", " + e.compiler);
  row("machine", describe_machine(report));
  std::string features;
  for (const auto& feature : e.cpu_features) features += (features.empty() ? "" : ", ") + feature;
  row("CPU features", features);
  row("load average at start", fmt::format("{:.2f}", e.load_average_1m));
  row("started", report.started_at);
  row("finished", report.finished_at);
  row("command", report.command_line);
  return out;
}

std::string case_section(const Report& report, const Result& result) {
  const auto* item = report.find_case(result.case_id);
  std::string out = fmt::format("### {}: {}\n\n", cell(result.case_id), to_string(result.verdict));
  if (item != nullptr && !item->title.empty()) out += cell(item->title) + ".\n\n";
  if (!result.reason.empty()) out += fmt::format("Reason: {}\n\n", cell(result.reason));
  for (const auto& violation : result.violations) {
    out += fmt::format("- not tolerated under --strict: {} {} {}: {}\n", cell(violation.type), cell(violation.device),
                       cell(violation.layer), cell(violation.reason));
  }
  if (!result.violations.empty()) out += "\n";
  if (!result.metrics.empty()) out += "| Metric | Value | Expected | Source |\n|---|---|---|---|\n";
  for (const auto& metric : result.metrics) {
    std::string wanted, source;
    for (const auto& expectation : report.expectations) {
      if (expectation.case_id != result.case_id || expectation.metric != metric.name) continue;
      wanted += (wanted.empty() ? "" : ", ") + describe_bounds(expectation);
      if (source.find(expectation.source) == std::string::npos) {
        source += (source.empty() ? "" : ", ") + expectation.source;
      }
    }
    out += fmt::format("| {} | {} | {} | {} |\n", cell(metric.name), cell(format_metric(metric)), cell(wanted),
                       cell(source));
  }
  if (!result.metrics.empty()) out += "\n";
  if (item != nullptr && !item->repro.empty()) out += "Repeat:\n\n" + fenced(item->repro, "sh") + "\n";
  if (!result.details.empty()) {
    out += "<details><summary>Evidence</summary>\n\n" + fenced(json_text(result.details), "json") + "\n</details>\n\n";
  }
  return out;
}

}  // namespace

std::string render_markdown(const Report& report, const harness::WriterStyle&) {
  std::string out = intro(report);
  out += "## Verdicts\n\n| Case | Verdict | Required | Time | What |\n|---|---|---|---|---|\n";
  for (const Result& result : report.results) {
    bool required = false;
    for (const auto& expectation : report.expectations) {
      required = required || (expectation.required && expectation.case_id == result.case_id);
    }
    const auto* item = report.find_case(result.case_id);
    out += fmt::format("| {} | {} | {} | {} | {} |\n", cell(result.case_id), to_string(result.verdict),
                       required ? "yes" : "no", format_seconds(result.duration_ns),
                       item == nullptr ? "" : cell(item->title));
  }
  out += "\n## Environment\n\n" + environment_table(report) + "\n";
  if (!report.subject.empty()) out += "## Subject\n\n" + fenced(json_text(report.subject), "json") + "\n";
  if (!report.notes.empty()) out += "## Notes\n\n" + fenced(json_text(report.notes), "json") + "\n";
  out += "## Cases\n\n";
  for (const Result& result : report.results) out += case_section(report, result);
  return out;
}

std::string render_summary(const Report& report, const harness::WriterStyle&) {
  std::string out = intro(report);
  if (out.size() > kSummaryBytes / 2) {
    out.resize(kSummaryBytes / 2);
    while (!out.empty() && out.back() != '\n') out.pop_back();
    out += "- more reasons are in run.json\n\n";
  }
  out += "| Case | Verdict | Reason |\n|---|---|---|\n";
  const auto order = worst_first(report);
  constexpr std::size_t kRoomForTheEnd = 200;
  std::size_t shown = 0;
  for (; shown < order.size(); ++shown) {
    const Result& result = report.results[order[shown]];
    const std::string row =
        fmt::format("| {} | {} | {} |\n", cell(result.case_id), to_string(result.verdict), cell(result.reason));
    if (out.size() + row.size() + kRoomForTheEnd > kSummaryBytes) break;
    out += row;
  }
  if (shown < order.size()) out += fmt::format("\n{} more cases are in run.json.\n", order.size() - shown);
  return out;
}

}  // namespace bh::reports
