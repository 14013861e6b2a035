// Exhibits survive the way through a record, and what is no exhibit is left alone.
#include "harness/core/exhibits.h"

#include <limits>

#include "tests/support/catch.h"

using namespace bh;
using namespace bh::harness;

TEST_CASE("exhibits come back from a result's details as they went in") {
  Result result;
  Comparison ratio{"reference", "engine", "bitnet.cpp", "decode_tokens_per_second", "tok/s"};
  ratio.ratio = 1.25;
  ratio.low = 1.2;
  ratio.high = std::numeric_limits<double>::quiet_NaN();
  ratio.pairs = {1.2, 1.25, 1.3};
  ratio.conclusion = "pass";
  add_exhibit(result, ratio);
  add_exhibit(result, LayerError{3, "ffn_down", 1e-7, 1e-5});
  add_exhibit(result, Divergence{"genesis", 12, 0.01, 0.05, " and", " the"});
  result.details = parse_json(write_json(result.details), "details").as_object();

  REQUIRE(comparisons_of(result).size() == 1);
  CHECK(comparisons_of(result)[0].against == "bitnet.cpp");
  CHECK(comparisons_of(result)[0].ratio == 1.25);
  CHECK_FALSE(comparisons_of(result)[0].high.has_value());
  CHECK(comparisons_of(result)[0].pairs == ratio.pairs);
  REQUIRE(layer_errors_of(result).size() == 1);
  CHECK(layer_errors_of(result)[0].layer == 3);
  CHECK(layer_errors_of(result)[0].tolerance == 1e-5);
  REQUIRE(divergences_of(result).size() == 1);
  CHECK(divergences_of(result)[0].position == 12);
  CHECK(divergences_of(result)[0].theirs == " the");
}

TEST_CASE("details of another shape are no exhibits and no error") {
  Result result;
  result.details = {{"layers", 12}, {"comparisons", {{"ratio", 1}}}, {"divergences", {1, "x", nullptr}}};
  CHECK(layer_errors_of(result).empty());
  CHECK(comparisons_of(result).empty());
  CHECK(divergences_of(result).empty());
}
