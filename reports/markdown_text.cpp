#include "reports/markdown_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/core/text.h"
#include "reports/findings.h"
#include "reports/render.h"
#include "reports/scale.h"

namespace bh::reports {

using harness::Report;

namespace {

std::string number(const std::optional<double>& value, int digits = 4) {
  return value ? short_number(*value, digits) : std::string();
}

std::string interval(const std::optional<double>& low, const std::optional<double>& high) {
  return low && high ? fmt::format("{:.4f} to {:.4f}", *low, *high) : std::string();
}

}  // namespace

std::string md_escaped(std::string_view text) {
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

std::string md_fenced(std::string_view text, std::string_view language) {
  std::string fence = "```";
  while (text.find(fence) != std::string_view::npos) fence += '`';
  std::string body = printable(text);
  if (!body.empty() && body.back() == '\n') body.pop_back();
  return fmt::format("{}{}\n{}\n{}\n", fence, language, body, fence);
}

std::string md_table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows,
                     std::size_t limit) {
  std::string out = "|", rule = "|";
  for (const auto& name : head) {
    out += fmt::format(" {} |", md_escaped(name));
    rule += "---|";
  }
  out += "\n" + rule + "\n";
  for (std::size_t i = 0; i < std::min(rows.size(), limit); ++i) {
    out += "|";
    for (const auto& text : rows[i]) out += fmt::format(" {} |", md_escaped(text));
    out += "\n";
  }
  if (rows.size() > limit) out += fmt::format("\n{} more rows are in run.json.\n", rows.size() - limit);
  return out;
}

std::string md_collapsed(std::string_view summary, std::string_view inner) {
  return fmt::format("<details><summary>{}</summary>\n\n{}\n</details>\n", md_escaped(summary), inner);
}

std::string md_json(const json::object& object) {
  json::value value = object;
  harness::make_valid_utf8(value);
  return md_fenced(write_json(value), "json");
}

std::string md_intro(const Report& report, std::string_view title) {
  std::string out = fmt::format("# {}: {}\n\n", md_escaped(title), headline(report));
  if (is_mock(report)) out += "**MOCK RUN: nothing below says anything about a real model.**\n\n";
  out += fmt::format("{} in {}, exit code {}{}.\n\n", count_verdicts(report), format_seconds(report.duration_ns),
                     report.outcome.exit_code, report.strict ? ", strict" : "");
  for (const auto& reason : report.outcome.reasons) out += fmt::format("- {}\n", md_escaped(reason));
  if (!report.outcome.reasons.empty()) out += "\n";
  return out;
}

std::string md_comparisons(const Report& report) {
  const auto found = find_comparisons(report);
  std::vector<std::string> kinds;
  for (const auto& item : found) {
    if (std::find(kinds.begin(), kinds.end(), item.comparison.kind) == kinds.end())
      kinds.push_back(item.comparison.kind);
  }
  std::string out;
  for (const auto& kind : kinds) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : found) {
      const auto& c = item.comparison;
      if (c.kind != kind) continue;
      rows.push_back({case_label(report, item.result->case_id), c.metric, c.candidate, number(c.candidate_value),
                      c.against, number(c.against_value), fmt::format("{:.4f}", *c.ratio), interval(c.low, c.high),
                      interval(c.noise_low, c.noise_high), c.pairs.empty() ? "" : std::to_string(c.pairs.size()),
                      c.conclusion});
    }
    out += fmt::format("### Against the {}\n\n", md_escaped(kind.empty() ? "other" : kind));
    out += md_table({"Case", "Metric", "Candidate", "Value", "Against", "Value", "Ratio", "Interval", "Noise floor",
                     "Pairs", "Conclusion"},
                    rows) +
           "\n";
  }
  return out.empty() ? out : "## Comparisons\n\nA ratio above 1 means that the candidate is better.\n\n" + out;
}

std::string md_layers(const Report& report) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& found : find_layer_errors(report)) {
    const auto beyond = std::find_if(found.points.begin(), found.points.end(), [](const ErrorPoint& point) {
      return point.tolerance && !(point.error <= *point.tolerance);
    });
    const auto worst = std::max_element(found.points.begin(), found.points.end(),
                                        [](const auto& a, const auto& b) { return a.error < b.error; });
    const auto name = [](const ErrorPoint& point) {
      return point.group.empty() ? point.op : fmt::format("layer {} {}", point.group, point.op);
    };
    rows.push_back({case_label(report, found.result->case_id), std::to_string(found.points.size()),
                    beyond == found.points.end() ? std::string("none") : name(*beyond),
                    fmt::format("{} ({})", short_number(worst->error), name(*worst)), number(worst->tolerance)});
  }
  if (rows.empty()) return "";
  return "## Layer by layer\n\n" +
         md_table({"Case", "Compared", "First beyond tolerance", "Largest error", "Tolerance there"}, rows) + "\n";
}

std::string md_divergences(const Report& report) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [result, d] : find_divergences(report)) {
    const bool tie = d.margin && d.near_tie && *d.margin <= *d.near_tie;
    rows.push_back({case_label(report, result->case_id), d.prompt, std::to_string(d.position), number(d.margin),
                    tie ? "yes" : "no", d.ours, d.theirs});
  }
  if (rows.empty()) return "";
  return "## Divergences\n\n" +
         md_table({"Case", "Prompt", "Position", "Margin", "Near tie", "Ours", "Reference"}, rows) + "\n";
}

std::string md_footer(const Report& report, const harness::WriterStyle& style) {
  return fmt::format("---\n\nMade from run.json{} by bitharness {}.\n",
                     style.record_sha256.empty() ? "" : fmt::format(" (SHA-256 `{}`)", style.record_sha256),
                     md_escaped(report.environment.bitharness_version));
}

}  // namespace bh::reports
