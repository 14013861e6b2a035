// What CPU kernels do, as plain function types: each instruction set implements them in its own object file.
// No std templates here: these headers are compiled with AVX flags, and a weak copy of a std function from such an
// object could be linked into code that runs on older CPUs.
//
// Float kernels follow one order everywhere (ARCHITECTURE.md, "One answer"): a dot product or a sum of squares keeps 64
// partial sums, element i in lane i % 64, each updated by fused multiply-add in index order, and halves are added
// (lane i + 32, + 16, ... + 1) at the end. Vectors are zero-padded to a multiple of 64.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bh::engine {

inline constexpr std::int64_t kPad = 64;  ///< float vectors are padded to a multiple of this
constexpr std::int64_t round_up(std::int64_t n, std::int64_t multiple) noexcept {
  return (n + multiple - 1) / multiple * multiple;
}

// --- ternary matrices

// Packed layouts: 16 rows form a group, some columns a step of 64 bytes; code = weight + 1. Four columns are a field:
// byte 4 * r + j of a step holds row r, column j of each of its fields. Missing rows and columns hold code 1.
enum class TernaryLayout {
  two_bits,  ///< for every instruction set: four fields a step, field f in bits 2f and 2f + 1
  trits      ///< 1.6 bits a weight: five fields a step, in bytes of trits.h. Fields beyond the columns hold code 0
};

inline constexpr std::int64_t kGroupRows = 16;
inline constexpr std::int64_t kStepCols = 16;  ///< of two_bits
inline constexpr std::int64_t kStepBytes = 64;
inline constexpr std::int64_t kFieldCols = 4;
inline constexpr std::int64_t kTritFields = 5;  ///< of a step of trits

struct TernaryTask {
  const std::uint8_t* weights;  ///< first group, in the kernel's layout; groups are steps * kStepBytes apart
  std::int64_t groups;
  std::int64_t steps;  ///< at least 1; of at most 2^19 columns, so that sums are exact even scaled by 64
  /// Activations [tokens, code_stride], zeros up to a multiple of kPad; never -128. Behind the last one lie kPad bytes
  /// of any value, which are read and meet code 0.
  const std::int8_t* codes;
  std::int64_t code_stride;
  std::int64_t tokens;  ///< at least 1
  std::int32_t* sums;   ///< [groups, tokens, kGroupRows]: sum of code * activation, exact
  /// Where what is made of the sums will be stored, if known: [tokens, y_stride], groups * kGroupRows values a token.
  /// Not touched; a kernel may fetch it into the cache.
  const float* y = nullptr;
  std::int64_t y_stride = 0;
  /// Whether weights are better unpacked once for all tokens, if these are many, than for some at a time. The sums are
  /// the same.
  bool unpack_once = false;
};
using TernaryKernel = void (*)(const TernaryTask&) noexcept;

// --- float matrices

struct DenseTask {
  const std::byte* weights;  ///< first row, in the format of the kernel
  std::int64_t row_bytes;
  std::int64_t rows;
  std::int64_t cols;
  const float* x;  ///< [tokens, x_stride], zero-padded to a multiple of kPad
  std::int64_t x_stride;
  std::int64_t tokens;
  float* y;  ///< y[token * y_stride + row]
  std::int64_t y_stride;
};
using DenseKernel = void (*)(const DenseTask&) noexcept;

struct DenseKernels {
  DenseKernel f32, f16, bf16, q8_0, q6_k;
  DenseKernel f16_sixteen_lanes;  ///< 16 partial sums instead of 64: the order of reference_batch
};

// --- the 6-bit copy of a large LM head (screened_head.h)

// A step holds kScreenCols columns of kGroupRows rows, as four fields of kFieldCols columns; a value is
// code + kScreenOffset. Three vectors of kScreenVectorBytes have field 0, 1 and 2 in the lower six bits, byte 4 * r + j
// for row r and the field's column j; field 3 is in their upper two bits, its highest bits in the first vector.
inline constexpr std::int64_t kScreenCols = 16;
inline constexpr std::int64_t kScreenVectorBytes = 64;
inline constexpr std::int64_t kScreenStepBytes = 3 * kScreenVectorBytes;
inline constexpr int kScreenLimit = 31;   ///< of |code|
inline constexpr int kScreenOffset = 32;  ///< makes every value positive
inline constexpr int kScreenRadix = 64;
inline constexpr int kScreenHigh = 63;  ///< of |high|
inline constexpr int kScreenLow = 32;   ///< of |low|

/// Exact sums of a group of rows with inputs in two planes: an input is kScreenRadix * high + low.
struct ScreenTask {
  const std::uint8_t* codes;  ///< first group; groups are steps * kScreenStepBytes apart
  std::int64_t groups;
  std::int64_t steps;         ///< a multiple of kPad / kScreenCols
  const std::int8_t* planes;  ///< [tokens, 2, steps * kScreenCols]: the high parts, then the low ones
  std::int64_t tokens;
  std::int32_t* sums;  ///< [groups, tokens, 2, kGroupRows]: of value * high and of value * low
};

/// A row w as scale * code + residue.
struct ScreenRow {
  float scale;
  float squares;          ///< sum of w^2; the sums are infinite or NaN where the row is
  float code_squares;     ///< sum of (scale * code)^2
  float residue_squares;  ///< sum of residue^2
};

/// Packs one row of `cols` stored weights; dst is the row's first byte in the first step, steps are kScreenStepBytes
/// apart, columns up to the next multiple of kPad get code 0.
using ScreenPacker = void (*)(const std::byte* row, std::int64_t cols, std::uint8_t* dst, ScreenRow* packed) noexcept;

/// What bounds the errors of a group's rows: |logit - scale t I| <= of_input ||x|| + of_residue ||e||
/// (screened_head.h).
struct ScreenBounds {
  float scale[kGroupRows] = {}, of_input[kGroupRows] = {}, of_residue[kGroupRows] = {};
};

/// What a chunk's sums say of one input's logits.
struct BoundTask {
  const std::int32_t* sums;  ///< of the first group, as ScreenTask leaves them
  std::int64_t sums_stride;  ///< from a group to the next
  const ScreenBounds* bounds;
  std::int64_t groups;
  double offset;              ///< what kScreenOffset adds to a product
  double step;                ///< t
  double norm, residue_norm;  ///< ||x|| and ||e||
  float* upper;               ///< [groups, kGroupRows]: no logit is above
  double* lower;              ///< [groups, kGroupRows]: none is below
  double* largest_lower;      ///< [groups]
};

struct ScreenKernels {
  void (*multiply)(const ScreenTask&) noexcept;
  float (*bound)(const BoundTask&) noexcept;  ///< returns the largest upper bound
  ScreenPacker pack_f32, pack_f16, pack_bf16;
};

// --- everything between the matrices

/// What becomes of a finished product where it is stored.
enum class Combine {
  set,               ///< y = product
  add,               ///< y += product
  squared_relu_glu,  ///< y = relu(y)^2 * product: y held the gate
  silu_glu           ///< y = silu(y) * product
};

/// Turns sums of a ternary product into floats: ((float)sum - code_sum) / activation_scale * weight_scale * post_scale.
struct ScaleTask {
  const std::int32_t* sums;  ///< as TernaryTask leaves them
  std::int64_t groups;
  std::int64_t tokens;
  const float* activation_scale;  ///< [tokens]
  const std::int32_t* code_sum;   ///< [tokens]
  float weight_scale;
  float post_scale;
  Combine combine;
  float* y;  ///< [tokens, y_stride], groups * kGroupRows values a token
  std::int64_t y_stride;
};

/// Positions are cut into blocks of this many, by absolute position, and the blocks merged in ascending order.
inline constexpr std::int64_t kAttentionBlock = 256;
inline constexpr std::int64_t kKeyLanes = 16;      ///< keys of 16 positions are interleaved
inline constexpr std::int64_t kAttentionRows = 4;  ///< rows that share what is read of keys and values

/// One block of one KV head for query rows of consecutive positions.
struct AttentionTask {
  const float* q;         ///< [rows, q_stride], of each [heads, head_dim]: the query heads that share this KV head
  std::int64_t rows;      ///< up to kAttentionRows
  std::int64_t q_stride;  ///< floats from one row's q to the next one's
  std::int64_t heads;
  std::int64_t head_dim;
  const void* keys;           ///< f16 or int8 [kAttentionBlock / 16, head_dim, 16]
  const void* values;         ///< f16 or int8 [kAttentionBlock, value_stride], zero-padded rows
  std::int64_t value_stride;  ///< head_dim rounded up to 16
  std::int64_t count;         ///< 1 .. kAttentionBlock positions that the first row sees
  std::int64_t more;          ///< that each next row sees beyond those of the one before: 1 in their own block, else 0
  float scale;                ///< 1 / sqrt(head_dim)
  float* out;                 ///< of each row [heads, value_stride]: sum of exp(score - max) * value
  float* max;                 ///< of each row [heads]
  float* sum;                 ///< of each row [heads]: sum of exp(score - max)
  std::int64_t out_stride;    ///< floats from one row's out, max and sum to the next one's
  /// int8: [kAttentionBlock], what the codes of a position are to be multiplied by
  const float* key_scales = nullptr;
  const float* value_scales = nullptr;
};

struct FloatKernels {
  std::int64_t attention_rows;  ///< that gain by attending together, up to kAttentionRows
  /// y = x / sqrt(mean(x^2) + eps) * weight over n values; buffers padded to kPad.
  void (*rms_norm)(const float* x, const float* weight, std::int64_t n, float eps, float* y) noexcept;
  /// codes = round(x * s), s = 127 / max(1e-5, max |x|); a value that is not finite makes s NaN and codes 0, so that
  /// it shows in every output. n is padded to kPad.
  void (*quantize)(const float* x, std::int64_t padded_n, std::int8_t* codes, float* scale,
                   std::int32_t* code_sum) noexcept;
  /// rms_norm and quantize in one, without storing what lies between.
  void (*norm_and_quantize)(const float* x, const float* weight, std::int64_t n, float eps, std::int8_t* codes,
                            float* scale, std::int32_t* code_sum) noexcept;
  void (*scale_sums)(const ScaleTask&) noexcept;
  void (*squared_relu_glu)(const float* gate, const float* up, std::int64_t padded_n, float* z) noexcept;
  void (*silu_glu)(const float* gate, const float* up, std::int64_t padded_n, float* z) noexcept;
  void (*attention_block)(const AttentionTask&) noexcept;       ///< keys and values in f16
  void (*attention_block_int8)(const AttentionTask&) noexcept;  ///< as codes with scales
  /// Merges a later block into an earlier result: out, max and sum as AttentionTask leaves them, for one head.
  void (*attention_merge)(float* out, float* max, float* sum, const float* block_out, float block_max, float block_sum,
                          std::int64_t value_stride) noexcept;
  /// y = x / divisor.
  void (*divide)(const float* x, std::int64_t n, float divisor, float* y) noexcept;
  /// Rotates pairs (x[i], x[i + half]) of each head by the angles of cos[half] and sin[half], in place.
  void (*rotate_halves)(float* x, std::int64_t heads, std::int64_t half, const float* cos, const float* sin) noexcept;
  void (*exp)(const float* x, std::int64_t padded_n, float* y) noexcept;  ///< for tests: the exponential used above
  void (*to_f16)(const float* x, std::int64_t n, std::uint16_t* y) noexcept;
};

// --- one set per instruction set; NULL-free where the object file is part of the build

void ternary_scalar(const TernaryTask&) noexcept;
void screen_rows_scalar(const ScreenTask&) noexcept;
const DenseKernels& dense_scalar() noexcept;
const FloatKernels& float_scalar() noexcept;
const ScreenKernels& screen_scalar() noexcept;
#if defined(__x86_64__)
void ternary_avx2(const TernaryTask&) noexcept;
void screen_rows_avx2(const ScreenTask&) noexcept;
const DenseKernels& dense_avx2() noexcept;
const FloatKernels& float_avx2() noexcept;
const ScreenKernels& screen_avx2() noexcept;
void ternary_avx_vnni(const TernaryTask&) noexcept;
void screen_rows_avx_vnni(const ScreenTask&) noexcept;
const ScreenKernels& screen_avx_vnni() noexcept;
void ternary_avx512_vnni(const TernaryTask&) noexcept;
void screen_rows_avx512(const ScreenTask&) noexcept;
const DenseKernels& dense_avx512() noexcept;
const FloatKernels& float_avx512() noexcept;
const ScreenKernels& screen_avx512() noexcept;
void ternary_avx512_vbmi(const TernaryTask&) noexcept;
/// Only where may_use_amx() (host.h).
void ternary_amx_int8(const TernaryTask&) noexcept;
void screen_rows_amx(const ScreenTask&) noexcept;
const ScreenKernels& screen_amx() noexcept;
#elif defined(__aarch64__)
void ternary_neon(const TernaryTask&) noexcept;
void screen_rows_neon(const ScreenTask&) noexcept;
const DenseKernels& dense_neon() noexcept;
const FloatKernels& float_neon() noexcept;
const ScreenKernels& screen_neon() noexcept;
void ternary_neon_dotprod(const TernaryTask&) noexcept;
void screen_rows_neon_dotprod(const ScreenTask&) noexcept;
const ScreenKernels& screen_neon_dotprod() noexcept;
#endif

}  // namespace bh::engine
