// report.html: one run on one page, the verdict first, plots before tables, every case with the line that repeats it.
#include <fmt/format.h>

#include "reports/detail_tables.h"
#include "reports/findings.h"
#include "reports/html_page.h"
#include "reports/html_text.h"
#include "reports/render.h"
#include "reports/sample_summary.h"
#include "reports/scale.h"

namespace bh::reports {

namespace {

using harness::Report;
using harness::Result;
using harness::Verdict;

std::string number_text(const std::optional<double>& value, int digits = 4) {
  return value ? short_number(*value, digits) : std::string();
}

std::string started_minute(const Report& report) {
  const std::string time = report.started_at;
  return time.size() < 16 ? time : time.substr(0, 10) + " " + time.substr(11, 5) + " UTC";
}

std::string header(const Report& report) {
  std::string out = fmt::format("<header>\n<p class=\"eyebrow\">bitharness {} · {}</p>\n", html_escaped(report.suite),
                                html_escaped(started_minute(report)));
  out += fmt::format("<h1 class=\"{}\">{}</h1>\n", mood_class(headline_mood(report)), headline_word(report));
  out += fmt::format("<p class=\"lede\">{} on {}{}.</p>\n", format_seconds(report.duration_ns),
                     html_escaped(describe_machine(report)), report.strict ? ", strict mode" : "");
  if (is_mock(report)) {
    out += "<p class=\"mock\">Mock run: nothing on this page says anything about a real model.</p>\n";
  }
  out += html_tally(report);
  if (!report.outcome.reasons.empty()) {
    out += "<ul class=\"reasons\">\n";
    for (const auto& reason : report.outcome.reasons) out += fmt::format("<li>{}</li>\n", html_escaped(reason));
    out += "</ul>\n";
  }
  return out + "</header>\n";
}

std::string comparison_figure(const Report& report) {
  const auto found = find_comparisons(report);
  if (found.empty()) return "";
  Figure figure{
      "ratios",
      "How it compares",
      "Candidate over reference, pair by pair; right of 1 the candidate is better. The dot is the median, the "
      "bar its interval, the band how far the reference is from itself, the dashed mark the tolerated loss.",
      {},
      {"Case", "Against", "Metric", "Ratio", "Interval", "Noise floor", "Pairs", "Conclusion"},
      {}};
  std::vector<RatioRow> rows;
  for (const auto& item : found) {
    const auto& c = item.comparison;
    rows.push_back(item.row);
    figure.rows.push_back(
        {case_label(report, item.result->case_id), c.against, c.metric, fmt::format("{:.4f}", *c.ratio),
         c.low && c.high ? fmt::format("{:.4f} to {:.4f}", *c.low, *c.high) : std::string(),
         c.noise_low && c.noise_high ? fmt::format("{:.4f} to {:.4f}", *c.noise_low, *c.noise_high) : std::string(),
         c.pairs.empty() ? std::string() : std::to_string(c.pairs.size()), c.conclusion});
  }
  figure.draw = [rows](const PlotFrame& frame) { return ratio_plot(frame, rows); };
  return html_figure(figure);
}

std::string depth_figures(const Report& report) {
  std::string out;
  for (const DepthCurve& curve : find_depth_curves(report)) {
    Figure figure{"depth-" + html_id(curve.metric),
                  fmt::format("Speed against context depth: {}", curve.metric),
                  "Medians; the band spans all samples.",
                  [&](const PlotFrame& frame) {
                    return line_plot(frame, {"tokens already in the context", curve.unit, {}, true}, curve.series);
                  },
                  {"Case", "Depth", curve.unit, "Lowest", "Highest"},
                  {}};
    if (curve.series.size() > kMaxSeries) {
      figure.note += fmt::format(" The first {} of {} cases are drawn.", kMaxSeries, curve.series.size());
    }
    for (const Series& line : curve.series) {
      for (const auto& point : line.points) {
        figure.rows.push_back({line.label, short_number(point.x, 7), number_text(point.y), number_text(point.low),
                               number_text(point.high)});
      }
    }
    out += html_figure(figure);
  }
  return out;
}

std::string error_figures(const Report& report) {
  std::string out;
  for (const FoundErrors& found : find_layer_errors(report)) {
    Figure figure{"layers-" + html_id(found.result->case_id),
                  "Error by layer: " + case_label(report, found.result->case_id),
                  "Relative error of each intermediate result in the order computed; dashed: what is tolerated.",
                  [&](const PlotFrame& frame) { return error_plot(frame, found.points); },
                  {"Layer", "Op", "Error", "Tolerance"},
                  {}};
    for (const ErrorPoint& point : found.points) {
      figure.rows.push_back({point.group.empty() ? "\xe2\x80\x93" : point.group, point.op, number_text(point.error),
                             number_text(point.tolerance)});
    }
    out += html_figure(figure);
  }
  return out;
}

std::string divergence_figure(const Report& report) {
  const auto found = find_divergences(report);
  if (found.empty()) return "";
  std::vector<MarginRow> rows;
  Figure figure{
      "divergences",
      "Margins at divergences",
      "Where greedy text first parts from the reference's: the gap between the reference's two best logits, in "
      "standard deviations. Inside the band it is a near tie.",
      {},
      {"Case", "Prompt", "Position", "Margin", "Near tie up to", "Ours", "Reference"},
      {}};
  for (const auto& item : found) {
    const auto& d = item.divergence;
    if (d.margin) rows.push_back({fmt::format("{} @ {}", d.prompt, d.position), *d.margin, d.near_tie});
    figure.rows.push_back({case_label(report, item.result->case_id), d.prompt, std::to_string(d.position),
                           number_text(d.margin), number_text(d.near_tie), d.ours, d.theirs});
  }
  figure.draw = [rows](const PlotFrame& frame) { return rows.empty() ? std::string() : margin_plot(frame, rows); };
  return html_figure(figure);
}

std::string metrics_table(const Report& report, const Result& result) {
  std::vector<std::vector<std::string>> rows;
  bool any_wanted = false;
  for (const auto& metric : result.metrics) {
    const auto [wanted, source] = wanted_of(report, result, metric);
    any_wanted = any_wanted || !wanted.empty();
    rows.push_back({metric.name, format_metric(metric), wanted, source});
  }
  if (rows.empty()) return "";
  if (any_wanted) return html_table("", {"Metric", "Value", "Wanted", "Source"}, rows);
  for (auto& row : rows) row.resize(2);
  return html_table("", {"Metric", "Value"}, rows);
}

std::string detail_tables(const Result& result) {
  constexpr std::size_t kMostRows = 100;
  std::string out;
  for (DetailTable& table : find_tables(result.details)) {
    const std::size_t rows = table.rows.size();
    if (rows > kMostRows) table.rows.resize(kMostRows);
    out +=
        html_table(rows > kMostRows ? fmt::format("{}: the first {} of {}", table.title, kMostRows, rows) : table.title,
                   table.head, table.rows);
  }
  return out;
}

std::string case_tables(const Report& report) {
  std::string out;
  for (const DetailTable& table : find_case_tables(report)) {
    const std::string text = html_table(table.title, table.head, table.rows);
    out +=
        table.rows.size() > 30 ? html_details(fmt::format("{}: {} cases", table.title, table.rows.size()), text) : text;
  }
  return out.empty() ? out : "<h2>Side by side</h2>\n" + out;
}

std::string strips(const Report& report, const Result& result) {
  std::string out;
  for (const auto& metric : result.metrics) {
    const double typical = summarize(metric.samples).median;
    const ReadableUnit unit = readable_unit(metric.unit, typical);
    std::vector<double> samples = metric.samples;
    for (double& sample : samples) sample *= unit.factor;
    const SampleSummary summary = summarize(samples);
    if (summary.count < 3) continue;
    const std::string caption = fmt::format("{}: {} samples, median {} {}", metric.name, summary.count,
                                            short_number(summary.median, 4), unit.name);
    const std::string description =
        fmt::format("In the order taken, from {} to {}, standard deviation {}.", short_number(summary.min, 4),
                    short_number(summary.max, 4), short_number(summary.stddev, 3));
    out +=
        html_small_figure("strip-" + html_id(case_label(report, result.case_id) + "-" + metric.name), caption,
                          description, [&](const PlotFrame& frame) { return sample_plot(frame, samples, unit.name); });
  }
  return out.empty() ? out : "<div class=\"strips\">\n" + out + "</div>\n";
}

std::string case_entry(const Report& report, const Result& result) {
  const auto* item = report.find_case(result.case_id);
  const bool open = result.verdict != Verdict::passed && result.verdict != Verdict::skipped;
  std::string out = fmt::format(
      "<details class=\"case\" id=\"case-{}\"{}>\n<summary class=\"head\"><span class=\"word {}\">{} {}</span>"
      "<span class=\"id\">{}</span><span class=\"time\">{}</span>",
      html_id(result.case_id), open ? " open" : "", mood_class(mood_of(result.verdict)), verdict_glyph(result.verdict),
      to_string(result.verdict), html_escaped(result.case_id), format_seconds(result.duration_ns));
  const std::string title = item == nullptr ? std::string() : item->title;
  const std::string words = result.reason.empty() || open ? title : result.reason;
  if (!words.empty()) out += fmt::format("<span class=\"title\">{}</span>", html_escaped(words));
  out += "</summary>\n<div class=\"inner\">\n";
  if (!result.reason.empty()) out += fmt::format("<p class=\"why\">{}</p>\n", html_escaped(result.reason));
  for (const auto& violation : result.violations) {
    out += fmt::format("<p><span class=\"chip bad\">{}</span> {} {} {}</p>\n", html_escaped(violation.type),
                       html_escaped(violation.device), html_escaped(violation.layer), html_escaped(violation.reason));
  }
  out += metrics_table(report, result) + strips(report, result) + detail_tables(result);
  if (item != nullptr && !item->repro.empty()) {
    out += fmt::format("<pre class=\"wrap\"><code>{}</code></pre>\n", html_escaped(item->repro));
  }
  if (!result.details.empty()) out += html_details("Evidence", html_json(result.details));
  return out + "</div>\n</details>\n";
}

std::string environment(const Report& report) {
  std::string out = "<h2>Environment</h2>\n<dl>\n";
  for (const auto& [name, value] : environment_rows(report)) {
    out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", html_escaped(name), html_escaped(value));
  }
  out += "</dl>\n";
  if (!report.subject.empty()) out += html_details("What was tested", html_json(report.subject));
  if (!report.notes.empty()) out += html_details("Notes of the suite", html_json(report.notes));
  return out;
}

}  // namespace

std::string render_html(const Report& report, const harness::WriterStyle& style) {
  std::string body = header(report);
  const std::string plots =
      comparison_figure(report) + depth_figures(report) + error_figures(report) + divergence_figure(report);
  if (!plots.empty()) body += "<h2>At a glance</h2>\n" + plots;
  body += case_tables(report) + "<h2>Cases</h2>\n";
  for (const std::size_t index : worst_first(report)) body += case_entry(report, report.results[index]);
  body += environment(report);
  body += fmt::format("<footer>Made from run.json{}, bitharness {}.</footer>\n",
                      style.record_sha256.empty() ? "" : ", SHA-256 " + style.record_sha256,
                      html_escaped(report.environment.bitharness_version));
  return html_page(fmt::format("{}: {}", report.suite, headline_word(report)), body);
}

}  // namespace bh::reports
