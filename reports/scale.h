// Where a value stands on an axis, and which values its ticks have.
#pragma once

#include <string>
#include <vector>

namespace bh::reports {

struct Tick {
  double value = 0;
  std::string label;
};

/// Maps values to coordinates, linear or logarithmic.
class Scale {
 public:
  /// A range that holds `low` and `high`, widened to whole ticks, about `count` of them. Equal ends are spread.
  static Scale linear(double low, double high, int count);
  /// The same on a logarithmic axis; both ends positive. Ticks at decades, or at 1, 2, 5 where there are few.
  static Scale logarithmic(double low, double high);

  /// Where low and high come to lie; `to` may be less than `from`.
  Scale& onto(double from, double to);
  double operator()(double value) const;  ///< clamped to the range
  double low() const noexcept { return low_; }
  double high() const noexcept { return high_; }
  const std::vector<Tick>& ticks() const noexcept { return ticks_; }

 private:
  bool logarithmic_ = false;
  double low_ = 0, high_ = 1, from_ = 0, to_ = 1;
  std::vector<Tick> ticks_;
};

/// A number as a person would write it with so many significant digits: "1240", "0.35", "1.2e-09".
std::string short_number(double value, int digits = 3);

}  // namespace bh::reports
