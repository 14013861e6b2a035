// Plots over a common axis: lines with bands, and the samples of one metric in the order taken.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "reports/plot_parts.h"
#include "reports/sample_summary.h"

namespace bh::reports {

namespace {

constexpr std::size_t kMostDots = 300;  // of one sample plot
constexpr std::size_t kStretches = 120;

struct Range {
  double low = 1e300, high = -1e300;
  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

std::vector<double> distinct_x(const std::vector<Series>& series) {
  std::vector<double> all;
  for (const Series& line : series) {
    for (const auto& point : line.points) all.push_back(point.x);
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

Range y_range(const Axes& axes, const std::vector<Series>& series) {
  Range range;
  for (const Series& line : series) {
    for (const auto& point : line.points) {
      for (const double y : {point.y, point.low.value_or(point.y), point.high.value_or(point.y)}) range.include(y);
    }
  }
  if (axes.from_zero) range.include(0);
  return range;
}

struct LineLayout {
  double left, right, top, bottom;
  double x_low, x_high;
  double x(double value) const {
    return x_high > x_low ? left + 12 + (value - x_low) / (x_high - x_low) * (right - left - 24) : (left + right) / 2;
  }
};

/// Ticks stand at the measured values themselves.
void draw_x_ticks(Svg& svg, const LineLayout& layout, const Axes& axes, const std::vector<double>& values) {
  double free_from = -1e9;
  for (const double value : values) {
    const auto index = static_cast<std::size_t>(std::max(value, 0.0));
    const std::string label = axes.x_names.empty()          ? short_number(value, 6)
                              : index < axes.x_names.size() ? axes.x_names[index]
                                                            : "";
    const double at = layout.x(value), half = text_width(label) / 2;
    svg.line(at, layout.bottom, at, layout.bottom + 4, "axis");
    if (at - half < free_from) continue;
    svg.text(at, layout.bottom + 18, label, "tick middle");
    free_from = at + half + 8;
  }
  svg.text((layout.left + layout.right) / 2, layout.bottom + 36, axes.x_label, "tick middle");
}

void draw_series(Svg& svg, const LineLayout& layout, const Scale& y, const Series& line, std::size_t index) {
  const std::string colour = fmt::format("s{}", index);
  std::vector<std::pair<double, double>> path, band;
  for (const auto& point : line.points) {
    path.emplace_back(layout.x(point.x), y(point.y));
    if (point.low && point.high) band.emplace_back(layout.x(point.x), y(*point.high));
  }
  for (auto point = line.points.rbegin(); point != line.points.rend(); ++point) {
    if (point->low && point->high) band.emplace_back(layout.x(point->x), y(*point->low));
  }
  if (band.size() > 2) svg.polygon(band, "band " + colour);
  if (path.size() > 1) svg.polyline(path, "line " + colour);
  for (const auto& point : line.points) {
    const bool marked = point.mood == Mood::bad || point.mood == Mood::unsure;
    svg.circle(layout.x(point.x), y(point.y), marked ? 5 : 3.5,
               marked ? "mark " + std::string(mood_class(point.mood)) : "point " + colour, point.tooltip);
  }
}

/// Names at the ends of the lines, pushed apart where they would touch.
void draw_end_labels(Svg& svg, const LineLayout& layout, const Scale& y, const std::vector<Series>& series,
                     double width) {
  std::vector<std::size_t> order(series.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto end_of = [&](std::size_t i) { return y(series[i].points.back().y); };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return end_of(a) < end_of(b); });
  std::vector<double> at;
  for (const std::size_t i : order) at.push_back(at.empty() ? end_of(i) : std::max(end_of(i), at.back() + 15));
  // What ran out at the bottom is pushed back up.
  for (std::size_t k = at.size(); k-- > 0;) {
    const double limit = k + 1 == at.size() ? layout.bottom : at[k + 1] - 15;
    at[k] = std::min(at[k], limit);
  }
  for (std::size_t k = 0; k < order.size(); ++k) {
    svg.text(layout.right + 10, at[k] + 4, fitted(series[order[k]].label, width - layout.right - 10),
             fmt::format("label s{}", order[k]));
  }
}

void draw_legend(Svg& svg, const std::vector<Series>& series, double width, double top) {
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (series[i].label.empty()) continue;
    const double at = top + static_cast<double>(i) * 17;
    svg.line(8, at, 26, at, fmt::format("line s{}", i));
    svg.text(32, at + 4, fitted(series[i].label, width - 40), "label");
  }
}

/// More samples than dots can show: the range of each stretch of them, and its median.
void draw_ranges(Svg& svg, double left, double right, const std::function<double(double)>& y,
                 const std::vector<double>& samples) {
  std::vector<std::pair<double, double>> highs, lows, medians;
  for (std::size_t i = 0; i < kStretches; ++i) {
    const std::size_t first = i * samples.size() / kStretches, end = (i + 1) * samples.size() / kStretches;
    const SampleSummary summary = summarize(
        {samples.begin() + static_cast<std::ptrdiff_t>(first), samples.begin() + static_cast<std::ptrdiff_t>(end)});
    if (summary.count == 0) continue;
    const double x = left + (right - left) * (static_cast<double>(i) + 0.5) / kStretches;
    highs.emplace_back(x, y(summary.max));
    lows.emplace_back(x, y(summary.min));
    medians.emplace_back(x, y(summary.median));
  }
  highs.insert(highs.end(), lows.rbegin(), lows.rend());
  svg.polygon(highs, "band s0");
  svg.polyline(medians, "line s0");
}

}  // namespace

std::string line_plot(const PlotFrame& frame, const Axes& axes, const std::vector<Series>& all) {
  std::vector<Series> series;
  for (const Series& line : all) {
    if (!line.points.empty() && series.size() < kMaxSeries) series.push_back(line);
  }
  if (series.empty()) return "";
  const bool narrow = is_narrow(frame);
  double label_width = 0;
  for (const Series& line : series) label_width = std::max(label_width, text_width(line.label));
  const std::vector<double> values = distinct_x(series);
  const double right = narrow ? frame.width - 6 : frame.width - std::clamp(label_width + 18, 24.0, 220.0);
  const LineLayout layout{48, right, 30, narrow ? 210.0 : 270.0, values.front(), values.back()};
  const bool named = label_width > 0;
  const double legend =
      (axes.x_label.empty() ? 26 : 44) + (narrow && named ? 8 + 17 * static_cast<double>(series.size()) : 0);
  Svg svg(frame.width, layout.bottom + legend, frame.id, frame.title, frame.description);
  const Range range = y_range(axes, series);
  const Scale y = Scale::linear(range.low, range.high, 5).onto(layout.bottom, layout.top);
  svg.text(4, 14, axes.y_label, "tick");
  draw_y_axis(svg, y, layout.left, layout.right);
  draw_x_ticks(svg, layout, axes, values);
  for (std::size_t i = 0; i < series.size(); ++i) draw_series(svg, layout, y, series[i], i);
  if (narrow) {
    draw_legend(svg, series, frame.width, layout.bottom + 56);
  } else {
    draw_end_labels(svg, layout, y, series, frame.width);
  }
  return svg.str();
}

std::string sample_plot(const PlotFrame& frame, const std::vector<double>& samples, std::string_view unit) {
  const SampleSummary summary = summarize(samples);
  if (summary.count < 2) return "";
  constexpr double kTop = 10, kBottom = 66;
  const std::string high = short_number(summary.max, 4), low = short_number(summary.min, 4);
  const double left = std::max({text_width(high), text_width(low), 30.0}) + 10, right = frame.width - 8;
  Svg svg(frame.width, kBottom + 10, frame.id, frame.title, frame.description);
  const double spread = summary.max > summary.min ? summary.max - summary.min : 1;
  const auto y = [&](double value) { return kBottom - (value - summary.min) / spread * (kBottom - kTop); };
  svg.line(left, kTop, left, kBottom, "axis");
  if (summary.max > summary.min) svg.text(left - 6, kTop + 4, high, "tick end");
  svg.text(left - 6, kBottom + 4, low, "tick end");
  svg.line(left, y(summary.median), right, y(summary.median), "median");
  if (samples.size() > kMostDots) {
    draw_ranges(svg, left + 6, right - 2, y, samples);
    return svg.str();
  }
  const double step = (right - left - 8) / static_cast<double>(std::max<std::size_t>(samples.size() - 1, 1));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (!std::isfinite(samples[i])) continue;
    svg.circle(left + 6 + static_cast<double>(i) * step, y(samples[i]), samples.size() > 60 ? 1.8 : 2.8, "sample",
               fmt::format("#{}: {} {}", i + 1, short_number(samples[i], 5), unit));
  }
  return svg.str();
}

}  // namespace bh::reports
