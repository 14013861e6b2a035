// How rows of a large head become int8 codes (screened_head.h), written once over Vec like the other float kernels,
// which include it.

namespace bh::engine {
namespace {

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
  const float inverse = 127.0f / amax;
  // Rows of zeros, of values too small to divide by, or not finite: all codes 0, the residue is the row.
  const bool plain = packed->squares - packed->squares == 0.0f && amax > 0.0f && inverse - inverse == 0.0f;
  packed->scale = plain ? amax / 127.0f : 0.0f;
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
    std::uint8_t* step = dst + col / kScreenCols * kStepBytes;
    for (std::int64_t i = 0; i < 64; i += kScreenCols, step += kStepBytes) {
      std::uint32_t four;
      __builtin_memcpy(&four, codes + i, 4);
      four ^= 0x80808080u;  // code + 128, byte by byte
      __builtin_memcpy(step, &four, 4);
    }
  }
  packed->code_squares = reduce_add(code_squares);
  packed->residue_squares = plain ? reduce_add(residue_squares) : packed->squares;
}

}  // namespace
}  // namespace bh::engine
