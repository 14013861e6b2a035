#include "engine/model/stats.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/small_model.h"
#include "tests/support/temp_folder.h"

namespace {
using namespace bh::engine;
}

TEST_CASE("statistics of a vector leave out what is not finite and count it") {
  const TensorStats stats =
      vector_stats("v", {3.0f, 0.0f, -4.0f, std::nanf(""), 0.0f, std::numeric_limits<float>::infinity()});
  REQUIRE(stats.name == "v");
  REQUIRE(stats.cols == 6);
  REQUIRE(stats.rms == Approx(2.5));
  REQUIRE(stats.min == -4.0);
  REQUIRE(stats.max == 3.0);
  REQUIRE(stats.zero_fraction == 0.5);
  REQUIRE(stats.nonfinite == 2);
  REQUIRE(vector_stats("v", {std::nanf("")}).rms == 0.0);
}

TEST_CASE("statistics of a ternary matrix count zeros and illegal codes") {
  std::vector<float> values(2 * 128, 0.5f);
  for (std::size_t i = 0; i < 64; ++i) values[i] = 0.0f;
  values[100] = -0.5f;
  const WeightFormat& format = weight_format(TensorType::i2_s);
  std::vector<std::byte> bytes(format.byte_size(2, 128).value());
  format.encode(values, 2, 128, bytes);
  const Matrix matrix{"m", &format, 2, 128, bytes, 1.0f};
  TensorStats stats = tensor_stats(matrix);
  REQUIRE(stats.format == "I2_S");
  REQUIRE(stats.zero_fraction == 0.25);
  REQUIRE(stats.rms == Approx(0.5 * std::sqrt(0.75)));
  REQUIRE(stats.min == -0.5);
  REQUIRE(stats.illegal_codes == 0);
  bytes[0] |= std::byte{0xc3};
  stats = tensor_stats(matrix);
  REQUIRE(stats.illegal_codes == 2);
}

TEST_CASE("statistics cover every tensor of a model, in the order of the forward pass") {
  const bh::test::TempFolder folder;
  const auto model = load_model(bh::test::SmallModel::make().write(folder / "m.gguf"));
  const auto all = model_stats(*model);
  REQUIRE(all.size() == 13);
  REQUIRE(all.front().name == "token_embd.weight");
  REQUIRE(all[1].name == "blk.0.attn_norm.weight");
  REQUIRE(all[2].name == "blk.0.attn_q.weight");
  REQUIRE(all.back().name == "output_norm.weight");
  for (const TensorStats& stats : all) {
    REQUIRE(stats.rms > 0);
    REQUIRE(stats.nonfinite == 0);
  }
}
