#include "engine/base/exact_math.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace bh {
namespace {

double round_to_nearest(double x) noexcept {
  constexpr double kMagic = 6755399441055744.0;  // 1.5 * 2^52
  return (x + kMagic) - kMagic;
}

double power_of_two(int exponent) noexcept {
  return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
}

// ln 2 and pi / 2 in parts: the first ones have enough trailing zeros for n * part to be exact.
constexpr double kLn2High = 0x1.62e42fee00000p-1, kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kHalfPi1 = 0x1.921fb54400000p+0, kHalfPi2 = 0x1.0b4611a600000p-34, kHalfPi3 = 0x1.3198a2e037073p-69;

}  // namespace

double exact_exp(double x) noexcept {
  const double n = round_to_nearest(x * 0x1.71547652b82fep+0);  // / ln 2
  const double r = std::fma(-n, kLn2Low, std::fma(-n, kLn2High, x));
  double sum = 1.0;  // Taylor in Horner form; |r| < 0.35, so r^17 / 17! < 1e-22
  for (int k = 16; k >= 1; --k) sum = std::fma(sum, r / k, 1.0);
  const int exponent = static_cast<int>(n);
  return sum * power_of_two(exponent / 2) * power_of_two(exponent - exponent / 2);
}

double exact_log(double x) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);  // [1, 2)
  if (m > 0x1.6a09e667f3bcdp+0) {                                                        // sqrt 2
    m *= 0.5;
    ++exponent;
  }
  const double s = (m - 1.0) / (m + 1.0), square = s * s;  // ln m = 2 atanh s, |s| < 0.172
  double sum = 0.0;
  for (int k = 25; k >= 1; k -= 2) sum = std::fma(sum, square, 1.0 / k);
  return std::fma(exponent, kLn2High, std::fma(exponent, kLn2Low, 2.0 * s * sum));
}

double exact_pow(double base, double y) noexcept { return exact_exp(y * exact_log(base)); }

SinCos exact_sincos(double x) noexcept {
  const double n = round_to_nearest(x * 0x1.45f306dc9c883p-1);  // * 2 / pi
  const double r = std::fma(-n, kHalfPi3, std::fma(-n, kHalfPi2, std::fma(-n, kHalfPi1, x)));
  const double square = r * r;
  double sine = 1.0, cosine = 1.0;  // |r| < 0.8
  for (int k = 20; k >= 2; k -= 2) {
    sine = std::fma(sine, -square / (k * (k + 1.0)), 1.0);
    cosine = std::fma(cosine, -square / (k * (k - 1.0)), 1.0);
  }
  sine *= r;
  switch (static_cast<std::int64_t>(n) & 3) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    default:
      return {-cosine, sine};
  }
}

}  // namespace bh
