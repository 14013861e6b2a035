#include "engine/cpu/packed_ternary.h"

#include <array>
#include <set>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "tests/support/catch.h"

using namespace bh::engine;

namespace {

constexpr auto kTwoBits = TernaryLayout::two_bits, kTrits = TernaryLayout::trits;

/// An I2_S matrix with code (row * 7 + col * 3) % 3 everywhere.
struct MadeMatrix {
  std::vector<std::byte> bytes;
  Matrix matrix;

  MadeMatrix(std::int64_t rows, std::int64_t cols) {
    std::vector<std::uint8_t> codes;
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < cols; ++c) codes.push_back(code(r, c));
    }
    matrix.format = &weight_format(TensorType::i2_s);
    bytes.resize(static_cast<std::size_t>(*matrix.format->byte_size(rows, cols)));
    i2_s::pack(codes, 0.25f, bytes);
    matrix.name = "blk.0.attn_q.weight";
    matrix.rows = rows;
    matrix.cols = cols;
    matrix.bytes = bytes;
  }
  static std::uint8_t code(std::int64_t r, std::int64_t c) { return static_cast<std::uint8_t>((r * 7 + c * c) % 3); }
};

int packed_code(const PackedTernary& packed, std::int64_t row, std::int64_t col) {
  const std::int64_t group = row / kGroupRows, step = col / kStepCols, j = col % 4, f = col % kStepCols / 4;
  const std::int64_t at = group * packed.group_bytes() + step * kStepBytes + 4 * (row % kGroupRows) + j;
  return packed.weights[static_cast<std::size_t>(at)] >> (2 * f) & 3;
}

/// Field f of a byte of trits, by trits.h read backwards.
int trit_of(int byte, std::int64_t f) {
  int a = byte % 8, b = byte / 8 % 8, fifth = byte / 64;
  if (byte >= 240) {
    REQUIRE((byte % 4 == 0 && byte < 252));
    a = b = 8;
    fifth = (byte - 240) / 4;
  } else if (byte >= 192) {
    b = 6 + (byte - 192) / 24;
    fifth = byte / 8 % 3;
  } else if (b == 7) {
    b = a;
    a = 8;
  } else if (b == 6) {
    b = 8;
  }
  return std::array{a % 3, a / 3, b % 3, b / 3, fifth}[static_cast<std::size_t>(f)];
}

int packed_trit(const PackedTernary& packed, std::int64_t row, std::int64_t col) {
  const std::int64_t group = row / kGroupRows, step = col / 20, j = col % 4, f = col % 20 / 4;
  const std::int64_t at = group * packed.group_bytes() + step * kStepBytes + 4 * (row % kGroupRows) + j;
  return trit_of(packed.weights[static_cast<std::size_t>(at)], f);
}

}  // namespace

TEST_CASE("packing to trits keeps every code, fills rows and steps with weight 0 and what lies beyond with code 0") {
  bh::ThreadPool pool(2);
  const std::int64_t shapes[][2] = {{16, 128}, {19, 256}, {48, 384}, {32, 72}, {128, 9}, {64, 1096}, {16, 640}};
  for (const auto& [rows, cols] : shapes) {
    const MadeMatrix made(rows, cols);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(packed_bytes(rows, cols, kTrits)));
    const PackedTernary packed = pack_ternary(made.matrix, kTrits, "model.gguf", bytes, pool);
    REQUIRE(packed.steps == (round_up(cols, kStepCols) + 19) / 20);
    for (std::int64_t r = 0; r < packed.groups * kGroupRows; ++r) {
      for (std::int64_t c = 0; c < packed.steps * 20; ++c) {
        INFO(rows << " x " << cols << ", row " << r << ", column " << c);
        const int filled = c < round_up(cols, kStepCols) ? 1 : 0;
        REQUIRE(packed_trit(packed, r, c) == (r < rows && c < cols ? MadeMatrix::code(r, c) : filled));
      }
    }
  }
}

TEST_CASE("five trits have a byte of their own, of which fields and byte can be told") {
  constexpr int kBytes = 243, kSteps = 4;  // 4 steps of 64 bytes hold them all, some twice
  const auto digit = [](int n, int f) {
    for (; f > 0; --f) n /= 3;
    return n % 3;
  };
  std::vector<std::uint8_t> two_bits(5 * kStepBytes), bytes(kSteps * kStepBytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (std::size_t f = 0; f < 5; ++f) {
      const std::size_t field = i / kStepBytes * 5 + f;
      const int code = digit(static_cast<int>(i) % kBytes, static_cast<int>(f));
      two_bits[field / 4 * kStepBytes + i % kStepBytes] |= static_cast<std::uint8_t>(code << (2 * (field % 4)));
    }
  }
  pack_trits(two_bits.data(), 5, bytes.data());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    INFO("byte " << i);
    for (int f = 0; f < 5; ++f) CHECK(trit_of(bytes[i], f) == digit(static_cast<int>(i) % kBytes, f));
  }
  CHECK(std::set<std::uint8_t>(bytes.begin(), bytes.end()).size() == kBytes);
}

TEST_CASE("packing keeps every code and fills the rest with weight 0") {
  bh::ThreadPool pool(2);
  // Whole blocks a row; rows that do not fill a group; rows that start inside a block.
  const std::int64_t shapes[][2] = {{16, 128}, {19, 256}, {48, 384}, {32, 72}, {128, 9}, {64, 1096}};
  for (const auto& [rows, cols] : shapes) {
    const MadeMatrix made(rows, cols);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(packed_bytes(rows, cols, kTwoBits)));
    const PackedTernary packed = pack_ternary(made.matrix, kTwoBits, "model.gguf", bytes, pool);
    REQUIRE(packed.scale == 0.25f);
    for (std::int64_t r = 0; r < packed.groups * kGroupRows; ++r) {
      for (std::int64_t c = 0; c < packed.steps * kStepCols; ++c) {
        INFO(rows << " x " << cols << ", row " << r << ", column " << c);
        REQUIRE(packed_code(packed, r, c) == (r < rows && c < cols ? MadeMatrix::code(r, c) : 1));
      }
    }
  }
}

TEST_CASE("an illegal code is named with its tensor, row and column") {
  bh::ThreadPool pool(1);
  MadeMatrix made(16, 128);
  made.bytes[32 * 5 + 3] |= std::byte{0x30};  // row 5, column 32 + 3
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(packed_bytes(16, 128, kTwoBits)));
  REQUIRE_THROWS_WITH(
      pack_ternary(made.matrix, kTwoBits, "model.gguf", bytes, pool),
      Catch::Contains("model.gguf: tensor \"blk.0.attn_q.weight\"") && Catch::Contains("row 5, column 35"));
}

TEST_CASE("an illegal code is found wherever it stands") {
  bh::ThreadPool pool(1);
  for (const auto& [rows, cols] : {std::pair{16, 256}, std::pair{20, 128}, std::pair{32, 72}}) {
    for (std::int64_t element = 0; element < rows * cols; element += 37) {
      MadeMatrix made(rows, cols);
      made.bytes[static_cast<std::size_t>(32 * (element / 128) + element % 32)] |= std::byte{3}
                                                                                   << (6 - 2 * (element % 128 / 32));
      for (const TernaryLayout layout : {kTwoBits, kTrits}) {
        std::vector<std::uint8_t> bytes(static_cast<std::size_t>(packed_bytes(rows, cols, layout)));
        INFO(rows << " x " << cols << ", element " << element << ", layout " << static_cast<int>(layout));
        REQUIRE_THROWS_WITH(pack_ternary(made.matrix, layout, "m", bytes, pool),
                            Catch::Contains(fmt::format("row {}, column {};", element / cols, element % cols)));
      }
    }
  }
}
