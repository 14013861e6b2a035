// A raw float master is no baseline, whatever it was made from.
#include "suites/acceptance/baseline.h"

#include "suites/acceptance/planted_defects.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace bh;
using namespace bh::suites::acceptance;

TEST_CASE("The shipped model is a baseline, in every form it ships in") {
  for (const char* name : {"kjv-3m-i2_s.gguf", "packed", "bf16"}) {
    CAPTURE(name);
    const auto model = engine::load_model(test::shipped_model() / name);
    CHECK(why_no_baseline(*model).empty());
    CHECK(ternary_matrices(*model) == 28);
  }
}

TEST_CASE("A raw float master is refused as a baseline, naming the matrix and what to do") {
  const auto model = engine::load_model(test::shipped_model() / "kjv-3m-i2_s.gguf");
  const std::string why = why_no_baseline(*with_raw_layer(model, 3));
  CHECK_THAT(why, Catch::Contains("blk.3.attn_q.weight holds raw F32 values"));
  CHECK_THAT(why, Catch::Contains("ternarised"));
}

TEST_CASE("Floats of ternary values are a baseline") {
  const auto model = engine::load_model(test::shipped_model() / "kjv-3m-i2_s.gguf");
  CHECK(why_no_baseline(*with_zeroed_layer(with_raw_layer(model, 0), 0)).empty());
}
