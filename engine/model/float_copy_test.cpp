// The float copy holds the same weights and nothing ternary.
#include "engine/model/float_copy.h"

#include "engine/base/error.h"
#include "engine/model/synth.h"
#include "tests/support/catch.h"

namespace bh::engine {

TEST_CASE("a float copy holds every ternary matrix decoded and shares the rest") {
  auto model = make_synth_model({});
  const auto copy = with_float_weights(model);
  const auto before = model->matrices(), after = copy->matrices();
  REQUIRE(before.size() == after.size());
  std::vector<float> expected, actual;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const Matrix &from = *before[i], &to = *after[i];
    CAPTURE(from.name);
    CHECK(to.name == from.name);
    CHECK_FALSE(to.format->ternary);
    if (!from.format->ternary) {
      CHECK(to.bytes.data() == from.bytes.data());
      continue;
    }
    CHECK(to.format->type == TensorType::f32);
    expected.resize(static_cast<std::size_t>(from.cols));
    actual.resize(expected.size());
    bool equal = true;
    for (std::int64_t row = 0; row < from.rows; ++row) {
      from.format->decode_row(from.bytes, from.rows, from.cols, row, expected);
      to.format->decode_row(to.bytes, to.rows, to.cols, row, actual);
      equal = equal && expected == actual;
    }
    CHECK(equal);
  }
  CHECK(copy->output.bytes.data() == copy->token_embd.bytes.data());
}

TEST_CASE("a float copy outlives the model it was made from") {
  auto model = make_synth_model({});
  const std::weak_ptr<const Model> original = model;
  const auto copy = with_float_weights(std::move(model));
  CHECK_FALSE(original.expired());
  std::vector<float> row(256);
  copy->token_embd.format->decode_row(copy->token_embd.bytes, 512, 256, 511, row);
  CHECK(row[0] != row[1]);
}

TEST_CASE("a float copy that does not fit the memory is refused before anything is decoded") {
  const auto model = make_synth_model({});
  // 2 blocks: q and o 256 x 256, k and v 128 x 256, three of 256 x 768, four bytes each.
  const std::uint64_t needed = 2 * 4 * (2 * 256 * 256 + 2 * 128 * 256 + 3 * 256 * 768);
  CHECK_NOTHROW(with_float_weights(model, needed));
  try {
    with_float_weights(model, needed - 1);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::setup);
    CHECK_THAT(error.what(), Catch::Contains("6 MiB of memory"));
  }
}

}  // namespace bh::engine
