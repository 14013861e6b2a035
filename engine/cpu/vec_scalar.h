// Sixteen floats as plain C++: the definition of what vec_avx2.h, vec_avx512.h and vec_neon.h must do, lane by lane.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "engine/base/float_types.h"

namespace bh::engine {
namespace {

struct Vec {
  float lane[16];
};

constexpr int kRegisterRows = 1;       ///< of attention, with kRegisterHeads each: as many sums as registers hold
constexpr bool kPlainDivision = true;  ///< fused multiply-adds in software cost more

template <class F>
inline Vec each_lane(F f) {
  Vec r;
  for (int i = 0; i < 16; ++i) r.lane[i] = f(i);
  return r;
}

inline Vec set1(float x) {
  return each_lane([=](int) { return x; });
}
inline Vec load(const float* p) {
  return each_lane([=](int i) { return p[i]; });
}
inline Vec load_f16(const std::uint16_t* p) {
  return each_lane([=](int i) { return half_to_float(p[i]); });
}
inline Vec load_bf16(const std::uint16_t* p) {
  return each_lane([=](int i) { return bf16_to_float(p[i]); });
}
inline Vec load_i8(const std::int8_t* p) {
  return each_lane([=](int i) { return static_cast<float>(p[i]); });
}
inline Vec load_i32(const std::int32_t* p) {
  return each_lane([=](int i) { return static_cast<float>(p[i]); });
}
inline void store(float* p, const Vec& a) { std::memcpy(p, a.lane, sizeof a.lane); }
inline void store_f16(std::uint16_t* p, const Vec& a) {
  for (int i = 0; i < 16; ++i) p[i] = float_to_half(a.lane[i]);
}

inline Vec add(const Vec& a, const Vec& b) {
  return each_lane([&](int i) { return a.lane[i] + b.lane[i]; });
}
inline Vec sub(const Vec& a, const Vec& b) {
  return each_lane([&](int i) { return a.lane[i] - b.lane[i]; });
}
inline Vec mul(const Vec& a, const Vec& b) {
  return each_lane([&](int i) { return a.lane[i] * b.lane[i]; });
}
inline Vec div(const Vec& a, const Vec& b) {
  return each_lane([&](int i) { return a.lane[i] / b.lane[i]; });
}
/// a * b + c with one rounding.
inline Vec fma(const Vec& a, const Vec& b, const Vec& c) {
  return each_lane([&](int i) { return __builtin_fmaf(a.lane[i], b.lane[i], c.lane[i]); });
}
/// a > b ? a : b, so b where either is NaN.
inline Vec max(const Vec& a, const Vec& b) {
  return each_lane([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline Vec abs(const Vec& a) {
  return each_lane([&](int i) { return __builtin_fabsf(a.lane[i]); });
}
/// x < limit ? 0 : y
inline Vec zero_below(const Vec& x, float limit, const Vec& y) {
  return each_lane([&](int i) { return x.lane[i] < limit ? 0.0f : y.lane[i]; });
}
/// 2^n for the integer n that the low bits of t = n + 1.5 * 2^23 hold.
inline Vec pow2_of_shifted(const Vec& t) {
  return each_lane([&](int i) {
    const auto bits = std::bit_cast<std::uint32_t>(t.lane[i]);
    return std::bit_cast<float>((bits - 0x4b400000u + 127u) << 23);
  });
}
struct Ints {
  std::int32_t lane[16];
};

inline Ints zero_ints() { return {}; }
/// Rounds to nearest even; finite, within [-128, 127].
inline Ints round_to_ints(const Vec& a) {
  Ints r;
  for (int i = 0; i < 16; ++i) {
    r.lane[i] = static_cast<std::int32_t>((a.lane[i] + 12582912.0f) - 12582912.0f);  // 1.5 * 2^23: ulp 1
  }
  return r;
}
inline void store_i8(std::int8_t* p, const Ints& a) {
  for (int i = 0; i < 16; ++i) p[i] = static_cast<std::int8_t>(a.lane[i]);
}
inline Ints add(const Ints& a, const Ints& b) {
  Ints r;
  for (int i = 0; i < 16; ++i) r.lane[i] = a.lane[i] + b.lane[i];
  return r;
}
inline std::int32_t reduce_add(const Ints& a) {
  std::int32_t sum = 0;
  for (const std::int32_t value : a.lane) sum += value;
  return sum;
}

/// Halves are combined until one is left: lane i with i + 8, then + 4, + 2, + 1.
inline float reduce_add(Vec a) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) a.lane[i] = a.lane[i] + a.lane[i + half];
  }
  return a.lane[0];
}
inline float reduce_max(Vec a) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) a.lane[i] = a.lane[i] > a.lane[i + half] ? a.lane[i] : a.lane[i + half];
  }
  return a.lane[0];
}

}  // namespace
}  // namespace bh::engine
