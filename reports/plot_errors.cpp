// Errors of intermediate results in the order computed, on a logarithmic scale.
#include <fmt/format.h>

#include <algorithm>

#include "reports/plot_parts.h"

namespace bh::reports {

namespace {

bool beyond(const ErrorPoint& point) { return point.tolerance && !(point.error <= *point.tolerance); }

Scale error_scale(const std::vector<ErrorPoint>& points) {
  double low = 1e300, high = 0;
  for (const ErrorPoint& point : points) {
    for (const double value : {point.error, point.tolerance.value_or(0)}) {
      if (!(value > 0)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  return high > 0 ? Scale::logarithmic(std::max(low, high * 1e-14), std::max(high, low * 31))
                  : Scale::logarithmic(1e-8, 1);
}

std::string point_name(const ErrorPoint& point) {
  return point.group.empty() ? point.op : fmt::format("layer {} {}", point.group, point.op);
}

class ErrorDrawing {
 public:
  ErrorDrawing(const PlotFrame& frame, const std::vector<ErrorPoint>& points)
      : points_(points),
        right_(frame.width - 8),
        scale_(error_scale(points).onto(kBottom, kTop)),
        svg_(frame.width, kBottom + 62, frame.id, frame.title, frame.description) {}

  std::string draw() {
    svg_.text(4, 14, "relative error", "tick");
    draw_groups();
    draw_y_axis(svg_, scale_, kLeft, right_);
    svg_.line(kLeft, kZero, right_, kZero, "grid");
    svg_.text(kLeft - 8, kZero + 4, "0", "tick end");
    draw_tolerance();
    draw_points();
    return svg_.str();
  }

 private:
  static constexpr double kLeft = 48, kTop = 30, kBottom = 230, kZero = kBottom + 18;

  double x(std::size_t i) const {
    return kLeft + (static_cast<double>(i) + 0.5) * (right_ - kLeft) / static_cast<double>(points_.size());
  }
  double half_step() const { return (right_ - kLeft) / static_cast<double>(points_.size()) / 2; }

  /// Every other layer is shaded, and as many are numbered as there is room for.
  void draw_groups() {
    double free_from = kLeft;
    bool shaded = false;
    for (std::size_t i = 0; i < points_.size();) {
      std::size_t end = i;
      while (end < points_.size() && points_[end].group == points_[i].group) ++end;
      const double from = x(i) - half_step(), to = x(end - 1) + half_step();
      if (shaded) svg_.rect(from, kTop, to - from, kZero + 8 - kTop, "shade");
      const double middle = (from + to) / 2, half = text_width(points_[i].group) / 2;
      if (!points_[i].group.empty() && middle - half >= free_from) {
        svg_.text(middle, kZero + 24, points_[i].group, "tick middle");
        free_from = middle + half + 6;
      }
      shaded = !shaded;
      i = end;
    }
    svg_.text((kLeft + right_) / 2, kZero + 40, "layer", "tick middle");
  }

  void draw_tolerance() {
    std::vector<std::pair<double, double>> path;
    for (std::size_t i = 0; i < points_.size(); ++i) {
      if (!points_[i].tolerance || !(*points_[i].tolerance > 0)) continue;
      path.emplace_back(x(i) - half_step(), scale_(*points_[i].tolerance));
      path.emplace_back(x(i) + half_step(), scale_(*points_[i].tolerance));
    }
    if (!path.empty()) svg_.polyline(path, "limit");
  }

  void draw_points() {
    bool named = false;
    for (std::size_t i = 0; i < points_.size(); ++i) {
      const ErrorPoint& point = points_[i];
      const double y = point.error > 0 ? scale_(point.error) : kZero;
      const bool bad = beyond(point);
      svg_.circle(x(i), y,
                  bad                    ? 4
                  : points_.size() > 120 ? 1.8
                                         : 2.6,
                  bad ? "dot bad" : "sample", fmt::format("{}: {}", point_name(point), short_number(point.error)));
      if (bad && !named) {
        named = true;
        const bool right_half = x(i) > (kLeft + right_) / 2;
        svg_.text(x(i) + (right_half ? -8 : 8), std::max(y - 8, kTop - 4), point_name(point),
                  right_half ? "label bad end" : "label bad");
      }
    }
  }

  const std::vector<ErrorPoint>& points_;
  double right_;
  Scale scale_;
  Svg svg_;
};

}  // namespace

std::string error_plot(const PlotFrame& frame, const std::vector<ErrorPoint>& points) {
  return points.empty() ? std::string() : ErrorDrawing(frame, points).draw();
}

}  // namespace bh::reports
