// What the kinds of plots share: how wide letters are, how a long label is cut, how an axis is drawn.
#pragma once

#include <string>
#include <string_view>

#include "reports/plots.h"
#include "reports/scale.h"
#include "reports/svg.h"

namespace bh::reports {

inline constexpr double kLetterWidth = 6.5;  ///< of the 12 px sans serif that plots are lettered in, on average

double text_width(std::string_view text);
/// Cut in the middle where it is too wide: ids differ at both ends.
std::string fitted(std::string_view text, double width);
bool is_narrow(const PlotFrame& frame);

/// Vertical grid lines from `top` to `bottom` with labels beneath; labels that would touch are left out.
void draw_x_axis(Svg& svg, const Scale& x, double top, double bottom);
/// Horizontal grid lines from `left` to `right` with labels at the left.
void draw_y_axis(Svg& svg, const Scale& y, double left, double right);

}  // namespace bh::reports
