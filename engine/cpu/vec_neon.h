// Sixteen floats in four NEON registers. Lane by lane what vec_scalar.h defines.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace bh::engine {
namespace {

struct Vec {
  float32x4_t q[4];  ///< lanes 0 to 3, 4 to 7, 8 to 11, 12 to 15
};

constexpr int kRegisterRows = 1;        ///< of attention, with kRegisterHeads each: as many sums as registers hold
constexpr bool kPlainDivision = false;  ///< quotients by fused multiply-adds are faster

template <class F>
inline Vec each_quarter(F f) {
  return {{f(0), f(1), f(2), f(3)}};
}

inline Vec set1(float x) {
  return each_quarter([=](int) { return vdupq_n_f32(x); });
}
inline Vec load(const float* p) {
  return each_quarter([=](int i) { return vld1q_f32(p + 4 * i); });
}
inline Vec load_f16(const std::uint16_t* p) {
  return each_quarter([=](int i) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))); });
}
inline Vec load_bf16(const std::uint16_t* p) {
  return each_quarter([=](int i) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16)); });
}
inline Vec load_i8(const std::int8_t* p) {
  const int8x16_t bytes = vld1q_s8(p);
  const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
  return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
           vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high))}};
}
inline Vec load_i32(const std::int32_t* p) {
  return each_quarter([=](int i) { return vcvtq_f32_s32(vld1q_s32(p + 4 * i)); });
}
inline void store(float* p, const Vec& a) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.q[i]);
}
inline void store_f16(std::uint16_t* p, const Vec& a) {
  for (int i = 0; i < 4; ++i) vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(a.q[i])));
}

inline Vec add(const Vec& a, const Vec& b) {
  return each_quarter([&](int i) { return vaddq_f32(a.q[i], b.q[i]); });
}
inline Vec sub(const Vec& a, const Vec& b) {
  return each_quarter([&](int i) { return vsubq_f32(a.q[i], b.q[i]); });
}
inline Vec mul(const Vec& a, const Vec& b) {
  return each_quarter([&](int i) { return vmulq_f32(a.q[i], b.q[i]); });
}
inline Vec div(const Vec& a, const Vec& b) {
  return each_quarter([&](int i) { return vdivq_f32(a.q[i], b.q[i]); });
}
inline Vec fma(const Vec& a, const Vec& b, const Vec& c) {
  return each_quarter([&](int i) { return vfmaq_f32(c.q[i], a.q[i], b.q[i]); });
}
/// Not vmaxq, which is NaN where either is.
inline Vec max(const Vec& a, const Vec& b) {
  return each_quarter([&](int i) { return vbslq_f32(vcgtq_f32(a.q[i], b.q[i]), a.q[i], b.q[i]); });
}
inline Vec abs(const Vec& a) {
  return each_quarter([&](int i) { return vabsq_f32(a.q[i]); });
}
inline Vec zero_below(const Vec& x, float limit, const Vec& y) {
  return each_quarter([&](int i) {
    const uint32x4_t below = vcltq_f32(x.q[i], vdupq_n_f32(limit));
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(y.q[i]), below));
  });
}
inline Vec pow2_of_shifted(const Vec& t) {
  return each_quarter([&](int i) {
    const int32x4_t bits = vsubq_s32(vreinterpretq_s32_f32(t.q[i]), vdupq_n_s32(0x4b400000 - 127));
    return vreinterpretq_f32_s32(vshlq_n_s32(bits, 23));
  });
}

struct Ints {
  int32x4_t q[4];
};

template <class F>
inline Ints each_quarter_of_ints(F f) {
  return {{f(0), f(1), f(2), f(3)}};
}

inline Ints zero_ints() {
  return each_quarter_of_ints([](int) { return vdupq_n_s32(0); });
}
inline Ints round_to_ints(const Vec& a) {
  return each_quarter_of_ints([&](int i) { return vcvtnq_s32_f32(a.q[i]); });
}
inline void store_i8(std::int8_t* p, const Ints& a) {
  const int16x8_t low = vcombine_s16(vqmovn_s32(a.q[0]), vqmovn_s32(a.q[1]));
  const int16x8_t high = vcombine_s16(vqmovn_s32(a.q[2]), vqmovn_s32(a.q[3]));
  vst1q_s8(p, vcombine_s8(vqmovn_s16(low), vqmovn_s16(high)));
}
inline Ints add(const Ints& a, const Ints& b) {
  return each_quarter_of_ints([&](int i) { return vaddq_s32(a.q[i], b.q[i]); });
}
inline std::int32_t reduce_add(const Ints& a) {
  return vaddvq_s32(vaddq_s32(vaddq_s32(a.q[0], a.q[1]), vaddq_s32(a.q[2], a.q[3])));
}

inline float reduce_add(const Vec& a) {
  const float32x4_t four = vaddq_f32(vaddq_f32(a.q[0], a.q[2]), vaddq_f32(a.q[1], a.q[3]));
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
inline float32x4_t greater(float32x4_t a, float32x4_t b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
inline float reduce_max(const Vec& a) {
  const float32x4_t four = greater(greater(a.q[0], a.q[2]), greater(a.q[1], a.q[3]));
  const float32x4_t two = greater(four, vextq_f32(four, four, 2));
  return vgetq_lane_f32(greater(two, vextq_f32(two, two, 1)), 0);
}

}  // namespace
}  // namespace bh::engine
