// How rows of a large head become codes of six bits, and what sums of these say of logits (screened_head.h), written
// once like the other float kernels, which include it.

namespace bh::engine {
namespace {

/// Sixteen codes of one row as its part of a step.
inline void store_screen_codes(const std::int8_t* codes, std::uint8_t* step) {
  constexpr std::uint32_t kEachByte = 0x01010101u;
  std::uint32_t fields[4];
  __builtin_memcpy(fields, codes, sizeof fields);
  // -32 .. 31 of two's complement plus 32, byte by byte: the highest of six bits is turned over, those above cleared.
  for (std::uint32_t& field : fields) field = (field ^ kScreenOffset * kEachByte) & 0x3f * kEachByte;
  for (int vector = 0; vector < 3; ++vector) {
    const std::uint32_t two_bits = fields[3] >> (4 - 2 * vector) & 0x03 * kEachByte;
    const std::uint32_t bytes = fields[vector] | two_bits << 6;
    __builtin_memcpy(step + vector * kScreenVectorBytes, &bytes, sizeof bytes);
  }
}

template <class Element>
void pack_screen_row(const std::byte* row, std::int64_t cols, std::uint8_t* dst, ScreenRow* packed) noexcept {
  using Format = NativeFormat<Element>;
  const auto load_block = [&](std::int64_t col) {
    return col + 64 <= cols ? Format::load_from(reinterpret_cast<const typename Format::Value*>(row) + col)
                            : Format::load_tail(row, col, cols - col);
  };
  Vec largest = set1(0.0f);
  Lanes64 squares = zero_lanes();
  for (std::int64_t col = 0; col < cols; col += 64) {
    const Lanes64 w = load_block(col);
    for (int j = 0; j < 4; ++j) {
      largest = max(abs(w.v[j]), largest);
      squares.v[j] = fma(w.v[j], w.v[j], squares.v[j]);
    }
  }
  packed->squares = reduce_add(squares);
  const float amax = reduce_max(largest);
  const float inverse = kScreenLimit / amax;
  // Rows of zeros, of values too small to divide by, or not finite: all codes 0, the residue is the row.
  const bool plain = packed->squares - packed->squares == 0.0f && amax > 0.0f && inverse - inverse == 0.0f;
  packed->scale = plain ? amax / kScreenLimit : 0.0f;
  const Vec factor = set1(plain ? inverse : 0.0f), scale = set1(packed->scale);
  const Vec magic = set1(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  Lanes64 residue_squares = zero_lanes(), code_squares = zero_lanes();
  for (std::int64_t col = 0; col < cols; col += 64) {
    const Lanes64 w = load_block(col);
    alignas(64) std::int8_t codes[64] = {};
    for (int j = 0; plain && j < 4; ++j) {
      const Vec code = sub(add(mul(w.v[j], factor), magic), magic), held = mul(scale, code);
      const Vec residue = fma(sub(set1(0.0f), scale), code, w.v[j]);
      store_i8(codes + 16 * j, round_to_ints(code));
      code_squares.v[j] = fma(held, held, code_squares.v[j]);
      residue_squares.v[j] = fma(residue, residue, residue_squares.v[j]);
    }
    std::uint8_t* step = dst + col / kScreenCols * kScreenStepBytes;
    for (std::int64_t i = 0; i < 64; i += kScreenCols, step += kScreenStepBytes) store_screen_codes(codes + i, step);
  }
  packed->code_squares = reduce_add(code_squares);
  packed->residue_squares = plain ? reduce_add(residue_squares) : packed->squares;
}

template <class T>
T largest_of(const T* group) {
  T best[kGroupRows];
  for (std::int64_t i = 0; i < kGroupRows; ++i) best[i] = group[i];
  for (std::int64_t half = kGroupRows / 2; half > 0; half /= 2) {
    for (std::int64_t i = 0; i < half; ++i) best[i] = best[i] > best[i + half] ? best[i] : best[i + half];
  }
  return best[0];
}

/// Loops of doubles, which hold the integers, without branches: the compiler makes vectors of them.
float bound_rows(const BoundTask& task) noexcept {
  constexpr double kFarBelowOverflow = 1e37;
  const double offset = task.offset, step = task.step, norm = task.norm, residue_norm = task.residue_norm;
  float largest = -__builtin_inff();
  for (std::int64_t g = 0; g < task.groups; ++g) {
    const std::int32_t* const sums = task.sums + g * task.sums_stride;
    const ScreenBounds& bounds = task.bounds[g];
    float* const upper = task.upper + g * kGroupRows;
    double* const lower = task.lower + g * kGroupRows;
    for (std::int64_t r = 0; r < kGroupRows; ++r) {
      const double product = kScreenRadix * static_cast<double>(sums[r]) + sums[r + kGroupRows] - offset;
      const double of_input = static_cast<double>(bounds.of_input[r]);
      const double of_residue = static_cast<double>(bounds.of_residue[r]);
      const double near = static_cast<double>(bounds.scale[r]) * (step * product);
      const double bounded =
          (of_input * norm + of_residue * residue_norm + __builtin_fabs(near) * 1e-12) * (1.0 + 1e-6) + 1e-30;
      // Beyond the range of floats the full head's sums may not be finite: such a row is computed, never judged here.
      const double reach = (of_input + of_residue) * norm;
      const double error = reach < kFarBelowOverflow ? bounded : __builtin_inf();
      const double bound = near + error;
      upper[r] = static_cast<float>(bound + __builtin_fabs(bound) * 1.2e-7);  // never rounded down
      lower[r] = near - error;
    }
    const float largest_upper = largest_of(upper);
    largest = largest_upper > largest ? largest_upper : largest;
    task.largest_lower[g] = largest_of(lower);
  }
  return largest;
}

/// A product of inputs with codes, and all that goes with it.
constexpr ScreenKernels screen_kernels(void (*multiply)(const ScreenTask&) noexcept) {
  return {multiply, bound_rows, pack_screen_row<F32>, pack_screen_row<F16>, pack_screen_row<BF16>};
}

}  // namespace
}  // namespace bh::engine
