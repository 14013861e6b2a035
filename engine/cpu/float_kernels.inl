// The float kernels, written once over Vec (vec_scalar.h or that of an instruction set, included before this file).
// Every operation and its order is explicit, so each instruction set gives the same bits. See kernels.h for contracts.

#include "engine/base/prefetch.h"

namespace bh::engine {
namespace {

// --- sums over 64 lanes

struct Lanes64 {
  Vec v[4];
};

inline Lanes64 zero_lanes() { return {{set1(0.0f), set1(0.0f), set1(0.0f), set1(0.0f)}}; }

inline float reduce_add(const Lanes64& a) { return reduce_add(add(add(a.v[0], a.v[2]), add(a.v[1], a.v[3]))); }

/// What a row is multiplied by to norm it, before the weights.
inline Vec norm_factor(const float* x, std::int64_t n, float eps) {
  Lanes64 squares = zero_lanes();
  for (std::int64_t i = 0; i < round_up(n, kPad); i += 64) {
    for (int j = 0; j < 4; ++j) {
      const Vec value = load(x + i + 16 * j);
      squares.v[j] = fma(value, value, squares.v[j]);
    }
  }
  const float mean = reduce_add(squares) / static_cast<float>(n);
  return set1(1.0f / __builtin_sqrtf(mean + eps));
}

void rms_norm(const float* x, const float* weight, std::int64_t n, float eps, float* y) noexcept {
  const Vec factor = norm_factor(x, n, eps);
  for (std::int64_t i = 0; i < round_up(n, kPad); i += 16) {
    store(y + i, mul(mul(load(x + i), factor), load(weight + i)));
  }
}

/// Codes of the values that value_at(i) gives, sixteen from i on.
template <class ValueAt>
inline void quantize_values(const ValueAt& value_at, std::int64_t padded_n, std::int8_t* codes, float* scale,
                            std::int32_t* code_sum) {
  Vec largest = set1(0.0f), finite = set1(0.0f);
  for (std::int64_t i = 0; i < padded_n; i += 16) {
    const Vec value = value_at(i);
    largest = max(abs(value), largest);
    finite = fma(value, set1(0.0f), finite);  // stays 0 unless a value is infinite or NaN
  }
  *code_sum = 0;
  if (!(reduce_add(finite) == 0.0f)) {
    *scale = __builtin_nanf("");
    __builtin_memset(codes, 0, static_cast<std::size_t>(padded_n));
    return;
  }
  const double amax = static_cast<double>(reduce_max(largest));
  *scale = static_cast<float>(127.0 / (amax > 1e-5 ? amax : 1e-5));
  const Vec factor = set1(*scale);
  Ints sum = zero_ints();
  for (std::int64_t i = 0; i < padded_n; i += 16) {
    const Ints code = round_to_ints(mul(value_at(i), factor));
    store_i8(codes + i, code);
    sum = add(sum, code);
  }
  *code_sum = reduce_add(sum);
}

void quantize(const float* x, std::int64_t padded_n, std::int8_t* codes, float* scale,
              std::int32_t* code_sum) noexcept {
  quantize_values([=](std::int64_t i) { return load(x + i); }, padded_n, codes, scale, code_sum);
}

void norm_and_quantize(const float* x, const float* weight, std::int64_t n, float eps, std::int8_t* codes, float* scale,
                       std::int32_t* code_sum) noexcept {
  const Vec factor = norm_factor(x, n, eps);
  quantize_values([=](std::int64_t i) { return mul(mul(load(x + i), factor), load(weight + i)); }, round_up(n, kPad),
                  codes, scale, code_sum);
}

// --- element-wise

/// e^x, 0 below -87; x <= 88. Range reduction by log2 and the polynomial of Cephes' expf (Moshier), relative error
/// below 2e-7.
inline Vec exp_lanes(Vec x) {
  const Vec magic = set1(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  const Vec shifted = fma(x, set1(1.44269504088896341f), magic);
  const Vec n = sub(shifted, magic);
  const Vec r = fma(n, set1(2.12194440e-4f), fma(n, set1(-0.693359375f), x));
  Vec p = set1(1.9875691500e-4f);
  p = fma(p, r, set1(1.3981999507e-3f));
  p = fma(p, r, set1(8.3334519073e-3f));
  p = fma(p, r, set1(4.1665795894e-2f));
  p = fma(p, r, set1(1.6666665459e-1f));
  p = fma(p, r, set1(5.0000001201e-1f));
  const Vec mantissa = add(fma(p, mul(r, r), r), set1(1.0f));
  return zero_below(x, -87.0f, mul(mantissa, pow2_of_shifted(shifted)));
}

void exp_array(const float* x, std::int64_t padded_n, float* y) noexcept {
  for (std::int64_t i = 0; i < padded_n; i += 16) store(y + i, exp_lanes(load(x + i)));
}

inline Vec squared_relu(Vec gate) {
  const Vec positive = max(set1(0.0f), gate);  // NaN passes through
  return mul(positive, positive);
}

inline Vec silu(Vec gate) {
  const Vec decay = exp_lanes(sub(set1(0.0f), max(set1(-88.0f), gate)));
  return div(gate, add(set1(1.0f), decay));
}

void squared_relu_glu(const float* gate, const float* up, std::int64_t padded_n, float* z) noexcept {
  for (std::int64_t i = 0; i < padded_n; i += 16) store(z + i, mul(squared_relu(load(gate + i)), load(up + i)));
}

void silu_glu(const float* gate, const float* up, std::int64_t padded_n, float* z) noexcept {
  for (std::int64_t i = 0; i < padded_n; i += 16) store(z + i, mul(silu(load(gate + i)), load(up + i)));
}

void divide(const float* x, std::int64_t n, float divisor, float* y) noexcept {
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) store(y + i, div(load(x + i), set1(divisor)));
  for (; i < n; ++i) y[i] = x[i] / divisor;
}

void rotate_halves(float* x, std::int64_t heads, std::int64_t half, const float* cos, const float* sin) noexcept {
  for (std::int64_t head = 0; head < heads; ++head, x += 2 * half) {
    std::int64_t i = 0;
    for (; i + 16 <= half; i += 16) {
      const Vec a = load(x + i), b = load(x + half + i), c = load(cos + i), s = load(sin + i);
      store(x + i, sub(mul(a, c), mul(b, s)));
      store(x + half + i, add(mul(a, s), mul(b, c)));
    }
    for (; i < half; ++i) {
      const float a = x[i], b = x[half + i];
      x[i] = a * cos[i] - b * sin[i];
      x[half + i] = a * sin[i] + b * cos[i];
    }
  }
}

// --- sums of ternary products

/// a / b for many a, rounded as a division is, by multiplications: with the rounded reciprocal of b, each correction of
/// the quotient by its exact remainder leaves it closer, and the second one right (Markstein 1990). Only where nothing
/// overflows or underflows on the way; elsewhere it divides. a is an integer below 2^28.
struct Divisor {
  Vec b, minus_b, inverse;
  bool plain;

  explicit Divisor(float divisor)
      : b(set1(divisor)),
        minus_b(set1(-divisor)),
        inverse(set1(1.0f / divisor)),
        plain(kPlainDivision || !(divisor > 0x1p-60f && divisor < 0x1p60f)) {}
  Vec divide(Vec a) const {
    if (plain) return div(a, b);
    const Vec first = mul(a, inverse);
    const Vec second = fma(fma(first, minus_b, a), inverse, first);
    return fma(fma(second, minus_b, a), inverse, second);
  }
};

template <class Store>
inline void scale_all(const ScaleTask& task, const Store& store_combined) {
  const Vec weight_scale = set1(task.weight_scale), post_scale = set1(task.post_scale);
  for (std::int64_t token = 0; token < task.tokens; ++token) {
    const Divisor activation_scale(task.activation_scale[token]);
    const Vec code_sum = set1(static_cast<float>(task.code_sum[token]));
    for (std::int64_t group = 0; group < task.groups; ++group) {
      const std::int32_t* sums = task.sums + (group * task.tokens + token) * kGroupRows;
      Vec value = mul(activation_scale.divide(sub(load_i32(sums), code_sum)), weight_scale);
      if (task.post_scale != 1.0f) value = mul(value, post_scale);
      store_combined(task.y + token * task.y_stride + group * kGroupRows, value);
    }
  }
}

void scale_sums(const ScaleTask& task) noexcept {
  switch (task.combine) {
    case Combine::set:
      return scale_all(task, [](float* y, Vec value) { store(y, value); });
    case Combine::add:
      return scale_all(task, [](float* y, Vec value) { store(y, add(value, load(y))); });
    case Combine::squared_relu_glu:
      return scale_all(task, [](float* y, Vec value) { store(y, mul(squared_relu(load(y)), value)); });
    case Combine::silu_glu:
      return scale_all(task, [](float* y, Vec value) { store(y, mul(silu(load(y)), value)); });
  }
}

void to_f16(const float* x, std::int64_t n, std::uint16_t* y) noexcept {
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) store_f16(y + i, load(x + i));
  if (i == n) return;
  float rest[16] = {};
  std::uint16_t halves[16];
  __builtin_memcpy(rest, x + i, static_cast<std::size_t>(n - i) * sizeof(float));
  store_f16(halves, load(rest));
  __builtin_memcpy(y + i, halves, static_cast<std::size_t>(n - i) * sizeof(std::uint16_t));
}

// --- how stored elements are loaded

struct F32 {
  using Value = float;
  static Vec load16(const Value* p) { return load(p); }
};
struct F16 {
  using Value = std::uint16_t;
  static Vec load16(const Value* p) { return load_f16(p); }
};
struct BF16 {
  using Value = std::uint16_t;
  static Vec load16(const Value* p) { return load_bf16(p); }
};
struct Int8 {
  using Value = std::int8_t;
  static Vec load16(const Value* p) { return load_i8(p); }
};

}  // namespace
}  // namespace bh::engine

#include "engine/cpu/float_attention.inl"

namespace bh::engine {
namespace {

// --- float matrices

inline float half_at(const std::byte* bytes) {
  std::uint16_t buffer[16] = {};
  __builtin_memcpy(buffer, bytes, 2);
  alignas(64) float wide[16];
  store(wide, load_f16(buffer));
  return wide[0];
}

/// Formats whose elements are loaded as they lie.
template <class Element>
struct NativeFormat {
  using Value = typename Element::Value;
  static Lanes64 load_from(const Value* p) {
    return {{Element::load16(p), Element::load16(p + 16), Element::load16(p + 32), Element::load16(p + 48)}};
  }
  static Lanes64 load64(const std::byte* row, std::int64_t col) {
    const Value* p = reinterpret_cast<const Value*>(row) + col;
    for (std::size_t line = 0; line < 64 * sizeof(Value); line += 64) {
      prefetch_stream(reinterpret_cast<const char*>(p) + line);
    }
    return load_from(p);
  }
  static Lanes64 load_tail(const std::byte* row, std::int64_t col, std::int64_t count) {
    Value buffer[64] = {};
    __builtin_memcpy(buffer, reinterpret_cast<const Value*>(row) + col,
                     static_cast<std::size_t>(count) * sizeof(Value));
    return load_from(buffer);
  }
};

inline Lanes64 from_floats(const float* p) { return {{load(p), load(p + 16), load(p + 32), load(p + 48)}}; }

/// Formats in blocks are decoded sixty-four elements at a time.
/// Q8_0, blocks of 32: f16 scale, 32 signed bytes.
struct Q8_0 {
  static void decode(const std::byte* row, std::int64_t col, std::int64_t count, float* dst) {
    for (std::int64_t block = 0; block < count / 32; ++block) {
      const std::byte* p = row + (col / 32 + block) * 34;
      const float d = half_at(p);
      const auto* q = reinterpret_cast<const std::int8_t*>(p + 2);
      for (int i = 0; i < 32; ++i) dst[32 * block + i] = d * static_cast<float>(q[i]);
    }
  }
};

/// Q6_K, super-blocks of 256: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales, f16 scale.
struct Q6_K {
  static void decode(const std::byte* row, std::int64_t col, std::int64_t, float* dst) {
    const std::byte* p = row + col / 256 * 210;
    const auto* low = reinterpret_cast<const std::uint8_t*>(p);
    const auto* high = low + 128;
    const auto* scales = reinterpret_cast<const std::int8_t*>(p + 192);
    const float d = half_at(p + 208);
    const int half = static_cast<int>(col % 256 / 128), first_quarter = static_cast<int>(col % 128 / 32);
    for (int i = 0; i < 64; ++i) {
      const int quarter = first_quarter + i / 32, l = i % 32;
      const int nibbles = low[64 * half + 32 * (quarter % 2) + l];
      const int q = (quarter < 2 ? nibbles & 15 : nibbles >> 4) | (((high[32 * half + l] >> (2 * quarter)) & 3) << 4);
      const float scale = d * static_cast<float>(scales[(col % 256 + i) / 16]);
      dst[i] = scale * static_cast<float>(q - 32);
    }
  }
};

template <class Blocks>
struct BlockFormat {
  static Lanes64 load64(const std::byte* row, std::int64_t col) { return load_tail(row, col, 64); }
  static Lanes64 load_tail(const std::byte* row, std::int64_t col, std::int64_t count) {
    alignas(64) float buffer[64] = {};
    Blocks::decode(row, col, count, buffer);
    return from_floats(buffer);
  }
};

template <class Format, int kTokens>
void dot_rows(const DenseTask& task, std::int64_t token) {
  for (std::int64_t r = 0; r < task.rows; ++r) {
    const std::byte* row = task.weights + r * task.row_bytes;
    const float* x = task.x + token * task.x_stride;
    Lanes64 sum[kTokens];
    for (int t = 0; t < kTokens; ++t) sum[t] = zero_lanes();
    const auto accumulate = [&](std::int64_t col, const Lanes64& w) {
      for (int t = 0; t < kTokens; ++t) {
        for (int j = 0; j < 4; ++j) sum[t].v[j] = fma(w.v[j], load(x + t * task.x_stride + col + 16 * j), sum[t].v[j]);
      }
    };
    std::int64_t col = 0;
    for (; col + 64 <= task.cols; col += 64) accumulate(col, Format::load64(row, col));
    if (col < task.cols) accumulate(col, Format::load_tail(row, col, task.cols - col));
    for (int t = 0; t < kTokens; ++t) task.y[(token + t) * task.y_stride + r] = reduce_add(sum[t]);
  }
}

template <class Format>
void dense(const DenseTask& task) noexcept {
  std::int64_t token = 0;
  for (; token + 4 <= task.tokens; token += 4) dot_rows<Format, 4>(task, token);
  for (; token < task.tokens; ++token) dot_rows<Format, 1>(task, token);
}

/// As dense(), with one vector of 16 partial sums: how the reference multiplies f16 rows with several float rows.
void dense_f16_sixteen_lanes(const DenseTask& task) noexcept {
  using Format = NativeFormat<F16>;
  for (std::int64_t r = 0; r < task.rows; ++r) {
    const std::byte* row = task.weights + r * task.row_bytes;
    for (std::int64_t token = 0; token < task.tokens; ++token) {
      const float* x = task.x + token * task.x_stride;
      Vec sum = set1(0.0f);
      const auto accumulate = [&](std::int64_t col, const Lanes64& w) {
        for (int j = 0; j < 4; ++j) sum = fma(w.v[j], load(x + col + 16 * j), sum);
      };
      std::int64_t col = 0;
      for (; col + 64 <= task.cols; col += 64) accumulate(col, Format::load64(row, col));
      if (col < task.cols) accumulate(col, Format::load_tail(row, col, task.cols - col));
      task.y[token * task.y_stride + r] = reduce_add(sum);
    }
  }
}

}  // namespace
}  // namespace bh::engine

#include "engine/cpu/float_screen.inl"

namespace bh::engine {
namespace {

constexpr FloatKernels kFloatKernels = {kRegisterRows,
                                        rms_norm,
                                        quantize,
                                        norm_and_quantize,
                                        scale_sums,
                                        squared_relu_glu,
                                        silu_glu,
                                        attention_block<F16>,
                                        attention_block<Int8>,
                                        attention_merge,
                                        divide,
                                        rotate_halves,
                                        exp_array,
                                        to_f16};
constexpr DenseKernels kDenseKernels = {dense<NativeFormat<F32>>, dense<NativeFormat<F16>>, dense<NativeFormat<BF16>>,
                                        dense<BlockFormat<Q8_0>>, dense<BlockFormat<Q6_K>>, dense_f16_sixteen_lanes};

}  // namespace
}  // namespace bh::engine
