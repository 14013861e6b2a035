#include "engine/model/i2s_layout.h"

#include <fstream>
#include <iterator>

#include "engine/base/error.h"
#include "engine/model/gguf.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/small_model.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bh::engine;

/// The shipped model with the codes of every I2_S tensor written by `place`: (row, column, columns) -> byte and shift.
template <class Place>
std::string rewritten(const Place& place) {
  std::ifstream source(bh::test::shipped_model() / "kjv-3m-i2_s.gguf", std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(source), {}};
  const std::string original = bytes;
  const GgufFile file = GgufFile::parse(std::as_bytes(std::span(original)), "original");
  for (const GgufTensor& tensor : file.tensors()) {
    if (tensor.type_id != 36) continue;
    const auto at = static_cast<std::size_t>(tensor.bytes.data() - reinterpret_cast<const std::byte*>(original.data()));
    const std::int64_t cols = tensor.cols();
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), tensor.rows() * cols / 4, '\0');
    for (std::int64_t r = 0; r < tensor.rows(); ++r) {
      for (std::int64_t c = 0; c < cols; ++c) {
        const auto [byte, shift] = place(r, c, cols);
        char& target = bytes[at + static_cast<std::size_t>(byte)];
        target = static_cast<char>(target | (i2_s::code_at(tensor.bytes.data(), r * cols + c) << shift));
      }
    }
  }
  return bytes;
}

std::pair<std::int64_t, int> canonical(std::int64_t row, std::int64_t col, std::int64_t cols) {
  const std::int64_t e = row * cols + col;
  return {32 * (e / 128) + e % 32, static_cast<int>(6 - 2 * (e % 128 / 32))};
}
std::pair<std::int64_t, int> blocks_of_64(std::int64_t row, std::int64_t col, std::int64_t cols) {
  const std::int64_t e = row * cols + col;
  return {16 * (e / 64) + e % 16, static_cast<int>(6 - 2 * (e % 64 / 16))};
}
std::pair<std::int64_t, int> four_rows(std::int64_t row, std::int64_t col, std::int64_t cols) {
  return {row / 4 * cols + col, static_cast<int>(6 - 2 * (row % 4))};
}

template <class Place>
std::shared_ptr<const Model> load(const Place& place) {
  const bh::test::TempFolder folder;
  std::ofstream(folder / "model.gguf", std::ios::binary) << rewritten(place);
  return load_model(folder / "model.gguf");
}

}  // namespace

TEST_CASE("a trained model shows in which layout its I2_S matrices are") {
  const I2sLayoutEvidence evidence = weigh_i2s_layouts(*load(canonical));
  INFO(evidence.canonical << " " << evidence.blocks_of_64 << " " << evidence.four_rows);
  REQUIRE(evidence.matrices == 28);
  REQUIRE(evidence.canonical > 30 * evidence.matrices);
  REQUIRE(evidence.blocks_of_64 < 8 * evidence.matrices);
  REQUIRE(evidence.four_rows < 4 * evidence.matrices);
}

TEST_CASE("I2_S files of ARM builds and of builds without ACT_PARALLEL are refused with the reason") {
  REQUIRE_THROWS_WITH(load(blocks_of_64), Catch::Contains("in blocks of 64, as ARM builds"));
  REQUIRE_THROWS_WITH(load(four_rows), Catch::Contains("four rows to a byte"));
}

TEST_CASE("weights without a trace of training give no verdict") {
  const bh::test::TempFolder folder;
  for (const auto* arch : {"bitnet-b1.58", "llama"}) {
    const auto model = load_model(bh::test::SmallModel::make(arch).write(folder / "model.gguf"));
    const I2sLayoutEvidence evidence = weigh_i2s_layouts(*model);
    REQUIRE(evidence.matrices == (arch == std::string("llama") ? 5 : 7));
    REQUIRE(evidence.canonical < 10 * evidence.matrices);
    REQUIRE(evidence.blocks_of_64 < 10 * evidence.matrices);
    REQUIRE(evidence.four_rows < 10 * evidence.matrices);
  }
}
