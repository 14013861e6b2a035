// The kinds of plots: data in, one SVG out. Each is drawn for a given width, so that a page can hold a wide and a
// narrow one instead of shrinking its letters.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bh::reports {

inline constexpr double kWidePlot = 720;
inline constexpr double kNarrowPlot = 300;

/// What every plot has.
struct PlotFrame {
  std::string id;           ///< unique on the page
  std::string title;        ///< what is shown
  std::string description;  ///< what it says, for those who do not see it
  double width = kWidePlot;
};

enum class Mood { good, bad, unsure, plain };
std::string_view mood_class(Mood mood);  ///< of the style sheet

struct RatioRow {
  std::string label;
  double ratio = 1;
  std::optional<double> low, high;              ///< interval
  std::optional<double> noise_low, noise_high;  ///< reference against itself
  std::optional<double> margin;                 ///< what is tolerated below 1
  std::vector<double> pairs;
  Mood mood = Mood::plain;
};
/// A row per comparison: pairs as faint dots, the median with its interval, the noise band behind it, a line at 1.
std::string ratio_plot(const PlotFrame& frame, const std::vector<RatioRow>& rows);

struct Series {
  struct Point {
    double x = 0, y = 0;
    std::optional<double> low, high;
    Mood mood = Mood::plain;
    std::string tooltip;
  };
  std::string label;
  std::vector<Point> points;  ///< by increasing x
};
struct Axes {
  std::string x_label, y_label;
  std::vector<std::string> x_names;  ///< where x counts 0, 1, 2, ...: the names of the ticks; empty = numbers
  bool from_zero = false;            ///< the y axis begins at 0, so that heights compare
};
/// Lines over a common axis, each labelled at its end, with bands from low to high; at most kMaxSeries are drawn.
std::string line_plot(const PlotFrame& frame, const Axes& axes, const std::vector<Series>& series);
inline constexpr std::size_t kMaxSeries = 6;

struct ErrorPoint {
  std::string group;  ///< "0", "1", ... the layer; "" = outside
  std::string op;
  double error = 0;
  std::optional<double> tolerance;
};
/// Errors in the order computed, on a log scale, with their tolerance; what is beyond it stands out.
std::string error_plot(const PlotFrame& frame, const std::vector<ErrorPoint>& points);

struct MarginRow {
  std::string label;
  double margin = 0;
  std::optional<double> near_tie;
};
/// How close the call was where two greedy texts part: a stem per divergence, near-ties apart.
std::string margin_plot(const PlotFrame& frame, const std::vector<MarginRow>& rows);

/// The samples of one metric in the order taken, with their median; small.
std::string sample_plot(const PlotFrame& frame, const std::vector<double>& samples, std::string_view unit);

}  // namespace bh::reports
