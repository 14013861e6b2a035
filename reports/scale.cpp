#include "reports/scale.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/exact_math.h"

namespace bh::reports {

namespace {

/// Exact up to 10^22, and the same everywhere: libm's pow and log10 are not.
double ten_to(int exponent) {
  double power = 1;
  for (int i = 0; i < std::abs(exponent); ++i) power *= 10;
  return exponent < 0 ? 1 / power : power;
}

/// The largest n with 10^n <= value, for a positive value.
int decade(double value) {
  int n = static_cast<int>(std::floor(exact_log(std::max(value, 1e-300)) / exact_log(10)));
  while (ten_to(n) > value) --n;
  while (ten_to(n + 1) <= value) ++n;
  return n;
}

/// 1, 2, 2.5 or 5 times a power of ten, at least `rough`.
double nice_step(double rough) {
  const double power = ten_to(decade(rough));
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * power >= rough * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

std::string power_of_ten(int exponent) {
  static const char* const kDigits[] = {"\xe2\x81\xb0", "\xc2\xb9",     "\xc2\xb2",     "\xc2\xb3",     "\xe2\x81\xb4",
                                        "\xe2\x81\xb5", "\xe2\x81\xb6", "\xe2\x81\xb7", "\xe2\x81\xb8", "\xe2\x81\xb9"};
  std::string text = exponent < 0 ? "10\xe2\x81\xbb" : "10";
  for (const char c : std::to_string(std::abs(exponent))) text += kDigits[c - '0'];
  return text;
}

}  // namespace

std::string short_number(double value, int digits) {
  if (value == 0) return "0";
  const double magnitude = std::abs(value);
  if (magnitude >= 1e6 || magnitude < 1e-4) return fmt::format("{:.{}g}", value, digits);
  const int decimals = std::max(0, digits - 1 - decade(magnitude));
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (text.find('.') != std::string::npos) {
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
  }
  return text;
}

Scale Scale::linear(double low, double high, int count) {
  if (!(high > low)) {
    const double spread = low == 0 ? 1.0 : std::abs(low) * 0.05;
    low -= spread;
    high += spread;
  }
  Scale scale;
  const double step = nice_step((high - low) / std::max(count, 1));
  const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
  scale.low_ = first * step;
  scale.high_ = last * step;
  int decimals = 0;
  while (decimals < 12 && std::abs(step * ten_to(decimals) - std::round(step * ten_to(decimals))) > 1e-6) ++decimals;
  for (double i = first; i <= last; i += 1) {
    const double value = i * step;
    scale.ticks_.push_back({value, std::max(std::abs(scale.low_), std::abs(scale.high_)) >= 1e6 || step < 1e-6
                                       ? short_number(value)
                                       : fmt::format("{:.{}f}", value == 0 ? 0.0 : value, decimals)});
  }
  return scale;
}

Scale Scale::logarithmic(double low, double high) {
  Scale scale;
  scale.logarithmic_ = true;
  const int first = decade(low);
  int last = decade(high);
  if (ten_to(last) < high) ++last;
  if (high < low * 30) {  // little more than a decade: ticks at 1, 2 and 5
    for (int exponent = first; exponent <= last; ++exponent) {
      for (const double factor : {1.0, 2.0, 5.0}) {
        const double value = factor * ten_to(exponent);
        const bool below = value * (factor == 2.0 ? 2.5 : 2.0) <= low;
        const bool above = !scale.ticks_.empty() && scale.ticks_.back().value >= high;
        if (!below && !above) scale.ticks_.push_back({value, short_number(value)});
      }
    }
    if (scale.ticks_.size() < 2) scale.ticks_.push_back({2 * scale.ticks_.back().value, ""});
  } else {
    const int every = (last - first + 7) / 8;
    for (int exponent = first; exponent < last + every; exponent += every) {
      scale.ticks_.push_back({ten_to(exponent), power_of_ten(exponent)});
    }
  }
  scale.low_ = scale.ticks_.front().value;
  scale.high_ = scale.ticks_.back().value;
  return scale;
}

Scale& Scale::onto(double from, double to) {
  from_ = from;
  to_ = to;
  return *this;
}

double Scale::operator()(double value) const {
  value = std::clamp(value, low_, high_);
  const double share =
      logarithmic_ ? exact_log(value / low_) / exact_log(high_ / low_) : (value - low_) / (high_ - low_);
  return from_ + share * (to_ - from_);
}

}  // namespace bh::reports
