// Plots with a row per item: ratios with their intervals, and margins at divergences.
#include <fmt/format.h>

#include <algorithm>

#include "reports/plot_parts.h"

namespace bh::reports {

namespace {

/// Where the rows stand: labels at the left on a wide plot, above their row on a narrow one.
struct RowLayout {
  bool narrow;
  double left, right, row_height;
  static constexpr double kTop = 8;

  RowLayout(const PlotFrame& frame, double label_width, double value_width)
      : narrow(is_narrow(frame)),
        left(narrow ? 8 : label_width + 16),
        right(frame.width - (narrow ? 8 : value_width)),
        row_height(narrow ? 46 : 30) {}

  double row_top(std::size_t row) const { return kTop + static_cast<double>(row) * row_height; }
  double centre(std::size_t row) const { return row_top(row) + (narrow ? 32 : row_height / 2); }
  double bottom(std::size_t rows) const { return row_top(rows) + 4; }

  void name(Svg& svg, const PlotFrame& frame, std::size_t row, const std::string& label,
            const std::string& value) const {
    if (narrow) {
      const double room = frame.width - 24 - text_width(value);
      svg.text(8, row_top(row) + 14, fitted(label, room), "label");
      svg.text(frame.width - 8, row_top(row) + 14, value, "value end");
    } else {
      svg.text(left - 14, centre(row) + 4, fitted(label, left - 16), "label end");
      svg.text(right + 14, centre(row) + 4, value, "value");
    }
  }
};

double widest(const std::vector<std::string>& labels, double limit) {
  double width = 60;
  for (const auto& label : labels) width = std::max(width, text_width(label));
  return std::min(width, limit);
}

Scale ratio_scale(const std::vector<RatioRow>& rows) {
  double low = 1, high = 1;
  const auto include = [&](const std::optional<double>& value) {
    if (!value || !(*value > 0)) return;
    low = std::min(low, *value);
    high = std::max(high, *value);
  };
  for (const RatioRow& row : rows) {
    for (const auto& value : {std::optional<double>(row.ratio), row.low, row.high, row.noise_low, row.noise_high}) {
      include(value);
    }
    if (row.margin) include(1 - *row.margin);
  }
  if (high > low * 4) return Scale::logarithmic(low, high);
  const double air = std::max(0.06 * (high - low), 0.005);
  return Scale::linear(low - air, high + air, 6);
}

std::string ratio_text(const RatioRow& row) {
  std::string text = fmt::format("{:.3f}", row.ratio);
  if (row.low && row.high) text += fmt::format("  [{:.3f}, {:.3f}]", *row.low, *row.high);
  return text;
}

void draw_ratio(Svg& svg, const RatioRow& row, const Scale& x, double centre) {
  if (row.noise_low && row.noise_high) {
    svg.rect(x(*row.noise_low), centre - 9, std::max(x(*row.noise_high) - x(*row.noise_low), 1.0), 18, "noise",
             fmt::format("noise: the reference against itself, {:.3f} to {:.3f}", *row.noise_low, *row.noise_high));
  }
  for (const double pair : row.pairs) {
    if (pair > 0) svg.line(x(pair), centre - 5, x(pair), centre + 5, "pair");
  }
  if (row.margin) svg.line(x(1 - *row.margin), centre - 12, x(1 - *row.margin), centre + 12, "limit");
  const std::string mood(mood_class(row.mood));
  if (row.low && row.high) {
    svg.line(x(*row.low), centre, x(*row.high), centre, "interval " + mood);
    for (const double end : {*row.low, *row.high}) svg.line(x(end), centre - 4, x(end), centre + 4, "interval " + mood);
  }
  svg.circle(x(row.ratio), centre, 4.5, "dot " + mood, row.label + ": " + ratio_text(row));
}

}  // namespace

std::string ratio_plot(const PlotFrame& frame, const std::vector<RatioRow>& rows) {
  std::vector<std::string> labels;
  for (const RatioRow& row : rows) labels.push_back(row.label);
  const RowLayout layout(frame, widest(labels, 230), 160);
  const double bottom = layout.bottom(rows.size());
  Svg svg(frame.width, bottom + 26, frame.id, frame.title, frame.description);
  const Scale x = ratio_scale(rows).onto(layout.left, layout.right);
  draw_x_axis(svg, x, RowLayout::kTop, bottom);
  svg.line(x(1), RowLayout::kTop - 4, x(1), bottom, "one");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    draw_ratio(svg, rows[i], x, layout.centre(i));
    layout.name(svg, frame, i, rows[i].label, ratio_text(rows[i]));
  }
  return svg.str();
}

std::string margin_plot(const PlotFrame& frame, const std::vector<MarginRow>& rows) {
  double high = 0;
  std::vector<std::string> labels;
  for (const MarginRow& row : rows) {
    high = std::max({high, row.margin, row.near_tie.value_or(0)});
    labels.push_back(row.label);
  }
  const RowLayout layout(frame, widest(labels, 260), 70);
  const double bottom = layout.bottom(rows.size());
  Svg svg(frame.width, bottom + 26, frame.id, frame.title, frame.description);
  const Scale x = Scale::linear(0, high > 0 ? high : 1, is_narrow(frame) ? 4 : 6).onto(layout.left, layout.right);
  draw_x_axis(svg, x, RowLayout::kTop, bottom);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const MarginRow& row = rows[i];
    const bool tie = row.near_tie && row.margin <= *row.near_tie;
    const double centre = layout.centre(i);
    if (row.near_tie) svg.rect(x(0), centre - 9, x(*row.near_tie) - x(0), 18, "noise", "near tie");
    const std::string mood(mood_class(tie ? Mood::unsure : Mood::bad));
    svg.line(x(0), centre, x(row.margin), centre, "interval " + mood);
    svg.circle(x(row.margin), centre, 4.5, (tie ? "ring " : "dot ") + mood);
    layout.name(svg, frame, i, row.label, short_number(row.margin));
  }
  return svg.str();
}

}  // namespace bh::reports
