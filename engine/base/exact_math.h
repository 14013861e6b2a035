// Elementary functions of our own, made of IEEE operations in a fixed order: the same bits with every libm, compiler
// and CPU. Absolute error below 1e-15 in the stated ranges (exact_math_test.cpp compares them with libm).
#pragma once

namespace bh {

double exact_exp(double x) noexcept;               ///< |x| <= 700
double exact_log(double x) noexcept;               ///< normal x > 0
double exact_pow(double base, double y) noexcept;  ///< base > 0, as exp(y * log(base))

struct SinCos {
  double sin, cos;
};
SinCos exact_sincos(double x) noexcept;  ///< |x| <= 2^30

}  // namespace bh
