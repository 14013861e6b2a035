// How rows of a large head become codes of six bits (screened_head.h), written once over Vec like the other float
// kernels, which include it.

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

}  // namespace
}  // namespace bh::engine
