// A small writer of inline SVG: shapes with classes, no colours. The page's style sheet decides how they look, so that
// one drawing serves light, dark and paper.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bh::reports {

/// "12.5", "3", never "-0": what a coordinate is written as.
std::string coordinate(double value);

class Svg {
 public:
  /// `id` is unique on the page; title and description are what those hear who do not see it.
  Svg(double width, double height, std::string_view id, std::string_view title, std::string_view description);

  void line(double x1, double y1, double x2, double y2, std::string_view classes);
  /// A tooltip, where given, is shown on hovering.
  void rect(double x, double y, double width, double height, std::string_view classes, std::string_view tooltip = {},
            double radius = 0);
  void circle(double x, double y, double radius, std::string_view classes, std::string_view tooltip = {});
  void polyline(const std::vector<std::pair<double, double>>& points, std::string_view classes);
  /// A closed area.
  void polygon(const std::vector<std::pair<double, double>>& points, std::string_view classes);
  /// Class `end` or `middle` moves the anchor.
  void text(double x, double y, std::string_view text, std::string_view classes);

  std::string str() const { return head_ + body_ + "</svg>\n"; }

 private:
  void close(std::string_view element, std::string_view tooltip);
  std::string head_;
  std::string body_;
};

}  // namespace bh::reports
