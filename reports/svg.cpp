#include "reports/svg.h"

#include <fmt/format.h>

#include "reports/html_text.h"

namespace bh::reports {

namespace {

std::string points_text(const std::vector<std::pair<double, double>>& points) {
  std::string text;
  for (const auto& [x, y] : points)
    text += fmt::format("{}{},{}", text.empty() ? "" : " ", coordinate(x), coordinate(y));
  return text;
}

}  // namespace

std::string coordinate(double value) {
  std::string text = fmt::format("{:.1f}", value);
  if (text.size() > 2 && text.compare(text.size() - 2, 2, ".0") == 0) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

Svg::Svg(double width, double height, std::string_view id, std::string_view title, std::string_view description) {
  const std::string name = html_escaped(id);
  head_ = fmt::format(
      "<svg viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" aria-labelledby=\"{2}-t {2}-d\">\n"
      "<title id=\"{2}-t\">{3}</title>\n<desc id=\"{2}-d\">{4}</desc>\n",
      coordinate(width), coordinate(height), name, html_escaped(title), html_escaped(description));
}

void Svg::close(std::string_view element, std::string_view tooltip) {
  if (tooltip.empty()) {
    body_ += "/>\n";
  } else {
    body_ += fmt::format("><title>{}</title></{}>\n", html_escaped(tooltip), element);
  }
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view classes) {
  body_ += fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" class=\"{}\"/>\n", coordinate(x1), coordinate(y1),
                       coordinate(x2), coordinate(y2), classes);
}

void Svg::rect(double x, double y, double width, double height, std::string_view classes, std::string_view tooltip,
               double radius) {
  body_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" class=\"{}\"", coordinate(x), coordinate(y),
                       coordinate(width), coordinate(height), classes);
  if (radius > 0) body_ += fmt::format(" rx=\"{}\"", coordinate(radius));
  close("rect", tooltip);
}

void Svg::circle(double x, double y, double radius, std::string_view classes, std::string_view tooltip) {
  body_ += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{}\" class=\"{}\"", coordinate(x), coordinate(y),
                       coordinate(radius), classes);
  close("circle", tooltip);
}

void Svg::polyline(const std::vector<std::pair<double, double>>& points, std::string_view classes) {
  body_ += fmt::format("<polyline points=\"{}\" class=\"{}\"/>\n", points_text(points), classes);
}

void Svg::polygon(const std::vector<std::pair<double, double>>& points, std::string_view classes) {
  body_ += fmt::format("<polygon points=\"{}\" class=\"{}\"/>\n", points_text(points), classes);
}

void Svg::text(double x, double y, std::string_view text, std::string_view classes) {
  body_ += fmt::format("<text x=\"{}\" y=\"{}\" class=\"{}\">{}</text>\n", coordinate(x), coordinate(y), classes,
                       html_escaped(text));
}

}  // namespace bh::reports
