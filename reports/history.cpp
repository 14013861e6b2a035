#include "reports/history.h"

#include <fmt/format.h>

#include <algorithm>

#include "reports/findings.h"
#include "reports/html_page.h"
#include "reports/html_text.h"
#include "reports/markdown_text.h"
#include "reports/render.h"
#include "reports/sample_summary.h"
#include "reports/scale.h"

namespace bh::reports {

using harness::Report;
using harness::Result;

namespace {

const Result* find_result(const Report& report, const std::string& case_id) {
  for (const Result& result : report.results) {
    if (result.case_id == case_id) return &result;
  }
  return nullptr;
}

std::vector<std::vector<std::string>> run_rows(std::span<const Report> reports) {
  std::vector<std::vector<std::string>> rows;
  const auto names = run_names(reports);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const auto& e = reports[i].environment;
    rows.push_back({names[i], headline_word(reports[i]), count_verdicts(reports[i]),
                    e.git_describe.empty() ? e.bitharness_version : e.git_describe, describe_machine(reports[i])});
  }
  return rows;
}

/// The days alone where no two runs are of one day: "01-02".
std::vector<std::string> short_run_names(std::span<const Report> reports) {
  auto names = run_names(reports);
  std::vector<std::string> days;
  for (const auto& name : names) days.push_back(name.substr(5, 5));
  auto sorted = days;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end()) return days;
  for (auto& name : names) name.erase(0, 5);
  return names;
}

/// First and last value and what became of it.
std::vector<std::vector<std::string>> metric_rows(std::span<const Report> reports,
                                                  const std::vector<HistoryMetric>& metrics) {
  std::vector<std::vector<std::string>> rows;
  for (const HistoryMetric& metric : metrics) {
    if (!metric.changed) continue;
    const auto& points = metric.series.points;
    std::vector<std::string> row = {case_label(reports.back(), metric.case_id) + ": " + metric.metric, metric.unit};
    std::size_t next = 0;
    for (std::size_t run = 0; run < reports.size(); ++run) {
      const bool there = next < points.size() && points[next].x == static_cast<double>(run);
      row.push_back(there ? short_number(points[next++].y, 4) : std::string());
    }
    const double first = points.front().y, last = points.back().y;
    row.push_back(first != 0 ? fmt::format("{:+.1f}%", (last / first - 1) * 100) : std::string());
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<std::string> metric_head(std::span<const Report> reports) {
  std::vector<std::string> head = {"Metric", "Unit"};
  for (auto& name : short_run_names(reports)) head.push_back(std::move(name));
  head.emplace_back("Change");
  return head;
}

std::string unchanged_words(const std::vector<HistoryMetric>& metrics) {
  const auto same = std::count_if(metrics.begin(), metrics.end(), [](const auto& metric) { return !metric.changed; });
  return same == 0 ? std::string() : fmt::format("{} metrics have the same value in every run.", same);
}

std::string history_plots(std::span<const Report> reports, const std::vector<HistoryMetric>& metrics) {
  std::vector<std::string> ticks;
  for (const auto& name : short_run_names(reports)) ticks.push_back(name);
  std::string out;
  for (const HistoryMetric& metric : metrics) {
    if (!metric.changed) continue;
    const std::string caption = fmt::format("{}: {}", case_label(reports.back(), metric.case_id), metric.metric);
    const std::string description =
        fmt::format("From {} to {} over {} runs; the band spans each run's samples.",
                    short_number(metric.series.points.front().y, 4), short_number(metric.series.points.back().y, 4),
                    metric.series.points.size());
    Series line = metric.series;
    line.label.clear();
    out += html_small_figure("history-" + html_id(metric.case_id + "-" + metric.metric), caption, description,
                             [&](const PlotFrame& frame) {
                               return line_plot(frame, {"", metric.unit, ticks, false}, {line});
                             });
  }
  return out.empty() ? out : "<div class=\"strips\">\n" + out + "</div>\n";
}

}  // namespace

std::vector<std::string> run_names(std::span<const Report> reports) {
  std::vector<std::string> names;
  for (const Report& report : reports) {
    std::string name = report.started_at.substr(0, 16);
    std::replace(name.begin(), name.end(), 'T', ' ');
    names.push_back(name.size() == 16 ? name : fmt::format("run  {:>11}", names.size() + 1));
  }
  return names;
}

std::vector<HistoryRow> verdict_history(std::span<const Report> reports) {
  std::vector<HistoryRow> rows;
  for (auto report = reports.rbegin(); report != reports.rend(); ++report) {
    for (const Result& result : report->results) {
      const bool known =
          std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.case_id == result.case_id; });
      if (!known) rows.push_back({result.case_id, {}});
    }
  }
  for (HistoryRow& row : rows) {
    for (const Report& report : reports) {
      const Result* result = find_result(report, row.case_id);
      row.verdicts.push_back(result == nullptr ? std::nullopt : std::optional(result->verdict));
    }
  }
  return rows;
}

std::vector<HistoryMetric> metric_history(std::span<const Report> reports) {
  std::vector<HistoryMetric> all;
  for (std::size_t run = 0; run < reports.size(); ++run) {
    for (const Result& result : reports[run].results) {
      for (const auto& metric : result.metrics) {
        if (!metric.value) continue;
        auto found = std::find_if(all.begin(), all.end(), [&](const HistoryMetric& known) {
          return known.case_id == result.case_id && known.metric == metric.name;
        });
        if (found == all.end()) {
          found = all.insert(all.end(), HistoryMetric{result.case_id, metric.name, metric.unit, {}, false});
        }
        const SampleSummary summary = summarize(metric.samples);
        Series::Point point{static_cast<double>(run), *metric.value, {}, {}, Mood::plain, ""};
        if (summary.count > 1) point.low = summary.min, point.high = summary.max;
        point.mood = mood_of(result.verdict);
        point.tooltip =
            fmt::format("{}: {}, {}", run_names(reports)[run], format_metric(metric), to_string(result.verdict));
        auto& points = found->series.points;
        found->changed = found->changed || (!points.empty() && points.front().y != point.y);
        points.push_back(std::move(point));
      }
    }
  }
  all.erase(std::remove_if(all.begin(), all.end(), [](const auto& metric) { return metric.series.points.size() < 2; }),
            all.end());
  return all;
}

std::string render_history_markdown(std::span<const Report> reports) {
  std::string out = fmt::format("# bitharness {}: {} runs\n\n", md_escaped(reports.back().suite), reports.size());
  out += md_table({"Run", "Outcome", "Cases", "Build", "Machine"}, run_rows(reports)) + "\n";
  std::vector<std::string> head = {"Case"};
  for (auto& name : run_names(reports)) head.push_back(std::move(name));
  std::vector<std::vector<std::string>> rows;
  for (const HistoryRow& row : verdict_history(reports)) {
    std::vector<std::string> cells = {case_label(reports.back(), row.case_id)};
    for (const auto& verdict : row.verdicts) cells.emplace_back(verdict ? to_string(*verdict) : "");
    rows.push_back(std::move(cells));
  }
  out += "## Verdicts\n\n" + md_table(head, rows) + "\n";
  const auto metrics = metric_history(reports);
  const auto changed = metric_rows(reports, metrics);
  if (!changed.empty()) out += "## Metrics\n\n" + md_table(metric_head(reports), changed) + "\n";
  const std::string unchanged = unchanged_words(metrics);
  return unchanged.empty() ? out : out + unchanged + "\n";
}

std::string render_history_html(std::span<const Report> reports) {
  const Report& newest = reports.back();
  std::string body = fmt::format(
      "<header>\n<p class=\"eyebrow\">bitharness {} · {} runs</p>\n<h1 class=\"{}\">{}</h1>\n"
      "<p class=\"lede\">The newest of {} runs, {}.</p>\n{}</header>\n",
      html_escaped(newest.suite), reports.size(), mood_class(headline_mood(newest)), headline_word(newest),
      reports.size(), html_escaped(run_names(reports).back()), html_tally(newest));
  const auto metrics = metric_history(reports);
  const std::string plots = history_plots(reports, metrics);
  if (!plots.empty()) body += "<h2>How it went</h2>\n" + plots;
  body +=
      "<h2>Verdicts</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"verdicts\">\n<table>\n"
      "<thead><tr><th scope=\"col\">Case</th>";
  for (const auto& name : short_run_names(reports))
    body += fmt::format("<th scope=\"col\">{}</th>", html_escaped(name));
  body += "</tr></thead>\n<tbody>\n";
  for (const HistoryRow& row : verdict_history(reports)) {
    body += fmt::format("<tr><th scope=\"row\"><code>{}</code></th>", html_escaped(case_label(newest, row.case_id)));
    for (const auto& verdict : row.verdicts) {
      body += verdict ? fmt::format("<td class=\"{}\">{} <span class=\"spoken\">{}</span></td>",
                                    mood_class(mood_of(*verdict)), verdict_glyph(*verdict), to_string(*verdict))
                      : std::string("<td></td>");
    }
    body += "</tr>\n";
  }
  body += "</tbody>\n</table>\n</div>\n";
  const auto changed = metric_rows(reports, metrics);
  if (!changed.empty()) body += "<h2>Metrics</h2>\n" + html_table("", metric_head(reports), changed);
  const std::string unchanged = unchanged_words(metrics);
  if (!unchanged.empty()) body += fmt::format("<p>{}</p>\n", unchanged);
  body += "<h2>Runs</h2>\n" + html_table("", {"Run", "Outcome", "Cases", "Build", "Machine"}, run_rows(reports));
  return html_page(fmt::format("{}: {} runs", newest.suite, reports.size()), body);
}

}  // namespace bh::reports
