// <SUITE>.md, the document of a run for people, and summary.md, its short form with the worst first.
#include <fmt/format.h>

#include "engine/base/json.h"
#include "reports/detail_tables.h"
#include "reports/findings.h"
#include "reports/markdown_text.h"
#include "reports/render.h"

namespace bh::reports {

namespace {

using harness::Report;
using harness::Result;

std::string verdict_table(const Report& report) {
  std::vector<std::vector<std::string>> rows;
  for (const Result& result : report.results) {
    const auto* item = report.find_case(result.case_id);
    rows.push_back({result.case_id, std::string(to_string(result.verdict)), is_required(report, result) ? "yes" : "no",
                    format_seconds(result.duration_ns), item == nullptr ? std::string() : item->title});
  }
  constexpr std::size_t kLong = 60;
  const std::string table = md_table({"Case", "Verdict", "Required", "Time", "What"}, rows, rows.size());
  return "## Verdicts\n\n" +
         (rows.size() > kLong ? md_collapsed(fmt::format("All {} cases", rows.size()), table) : table) + "\n";
}

std::string case_tables(const Report& report) {
  std::string out;
  for (const DetailTable& table : find_case_tables(report)) {
    const std::string text = md_table(table.head, table.rows);
    out += fmt::format("### {}\n\n", md_escaped(table.title)) +
           (table.rows.size() > 30 ? md_collapsed(fmt::format("{} cases", table.rows.size()), text) : text) + "\n";
  }
  return out.empty() ? out : "## Results side by side\n\n" + out;
}

std::string metric_table(const Report& report, const Result& result) {
  if (result.metrics.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (const auto& metric : result.metrics) {
    auto [wanted, source] = wanted_of(report, result, metric);
    rows.push_back({metric.name, format_metric(metric), std::move(wanted), std::move(source)});
  }
  return md_table({"Metric", "Value", "Expected", "Source"}, rows) + "\n";
}

std::string case_section(const Report& report, const Result& result) {
  const auto* item = report.find_case(result.case_id);
  std::string out = fmt::format("### {}: {}\n\n", md_escaped(result.case_id), to_string(result.verdict));
  if (item != nullptr && !item->title.empty()) out += md_escaped(item->title) + ".\n\n";
  if (!result.reason.empty()) out += fmt::format("Reason: {}\n\n", md_escaped(result.reason));
  for (const auto& violation : result.violations) {
    out += fmt::format("- not tolerated under --strict: {} {} {}: {}\n", md_escaped(violation.type),
                       md_escaped(violation.device), md_escaped(violation.layer), md_escaped(violation.reason));
  }
  if (!result.violations.empty()) out += "\n";
  out += metric_table(report, result);
  for (const DetailTable& table : find_tables(result.details)) {
    out += fmt::format("{}:\n\n{}\n", md_escaped(table.title), md_table(table.head, table.rows, 60));
  }
  if (item != nullptr && !item->repro.empty()) out += "Repeat:\n\n" + md_fenced(item->repro, "sh") + "\n";
  if (!result.details.empty()) out += md_collapsed("Evidence", md_json(result.details)) + "\n";
  return out;
}

std::string environment_section(const Report& report) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, value] : environment_rows(report)) rows.push_back({name, value});
  return "## Environment\n\n" + md_table({"", ""}, rows) + "\n";
}

}  // namespace

std::string render_markdown(const Report& report, const harness::WriterStyle& style) {
  std::string out = md_intro(report, "bitharness " + report.suite) + verdict_table(report);
  out += case_tables(report) + md_comparisons(report) + md_layers(report) + md_divergences(report);
  out += environment_section(report);
  if (!report.subject.empty()) out += "## Subject\n\n" + md_json(report.subject) + "\n";
  if (!report.notes.empty()) out += "## Notes\n\n" + md_json(report.notes) + "\n";
  out += "## Cases\n\n";
  for (const Result& result : report.results) out += case_section(report, result);
  return out + md_footer(report, style);
}

std::string render_summary(const Report& report, const harness::WriterStyle&) {
  std::string out = md_intro(report, "bitharness " + report.suite);
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
    const std::string row = fmt::format("| {} | {} | {} |\n", md_escaped(result.case_id), to_string(result.verdict),
                                        md_escaped(result.reason));
    if (out.size() + row.size() + kRoomForTheEnd > kSummaryBytes) break;
    out += row;
  }
  if (shown < order.size()) out += fmt::format("\n{} more cases are in run.json.\n", order.size() - shown);
  return out;
}

}  // namespace bh::reports
