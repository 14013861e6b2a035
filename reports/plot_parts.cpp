#include "reports/plot_parts.h"

#include <algorithm>

#include "reports/render.h"

namespace bh::reports {

namespace {

bool starts_letter(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

}  // namespace

double text_width(std::string_view text) {
  return kLetterWidth * static_cast<double>(std::count_if(text.begin(), text.end(), starts_letter));
}

std::string fitted(std::string_view text, double width) {
  std::string clean = printable(text);
  std::vector<std::string> letters;
  for (const char c : clean) {
    if (starts_letter(c)) letters.emplace_back();
    letters.back() += c;
  }
  const auto room = static_cast<std::size_t>(std::max(width / kLetterWidth, 3.0));
  if (letters.size() <= room) return clean;
  const std::size_t front = (room - 1) / 2, back = room - 1 - front;
  std::string out;
  for (std::size_t i = 0; i < front; ++i) out += letters[i];
  out += "\xe2\x80\xa6";
  for (std::size_t i = letters.size() - back; i < letters.size(); ++i) out += letters[i];
  return out;
}

std::string_view mood_class(Mood mood) {
  switch (mood) {
    case Mood::good:
      return "good";
    case Mood::bad:
      return "bad";
    case Mood::unsure:
      return "unsure";
    case Mood::plain:
      return "plain";
  }
  return "plain";
}

bool is_narrow(const PlotFrame& frame) { return frame.width < 500; }

void draw_x_axis(Svg& svg, const Scale& x, double top, double bottom) {
  double free_from = -1e9;
  for (const Tick& tick : x.ticks()) {
    const double at = x(tick.value), half = text_width(tick.label) / 2;
    svg.line(at, top, at, bottom, "grid");
    if (at - half < free_from) continue;
    svg.text(at, bottom + 16, tick.label, "tick middle");
    free_from = at + half + 6;
  }
}

void draw_y_axis(Svg& svg, const Scale& y, double left, double right) {
  for (const Tick& tick : y.ticks()) {
    const double at = y(tick.value);
    svg.line(left, at, right, at, "grid");
    svg.text(left - 8, at + 4, tick.label, "tick end");
  }
}

}  // namespace bh::reports
