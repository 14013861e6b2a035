#include "harness/judge/compare_logits.h"

#include <cmath>
#include <limits>

#include "engine/base/error.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::harness;

namespace {

// Two rows of four; the second is a near tie of its two best.
const std::vector<float> kReference = {1, 2, 5, 0, 3, 3.01f, -2, 1};

}  // namespace

TEST_CASE("Equal logits compare as equal") {
  const auto all = compare_logits(kReference, kReference, 4);
  CHECK(all.rows.size() == 2);
  CHECK(all.min_cosine == Approx(1.0));
  CHECK(all.max_difference == 0);
  CHECK(all.max_kl == Approx(0.0).margin(1e-12));
  CHECK(all.close_share == 1);
  CHECK(all.argmax_share == 1);
  CHECK(all.clear_argmax_share == 1);
  CHECK(all.near_ties == 1);
}

TEST_CASE("Another winner of a near tie counts apart from another clear winner") {
  auto ours = kReference;
  std::swap(ours[4], ours[5]);
  auto all = compare_logits(ours, kReference, 4);
  CHECK(all.argmax_share == 0.5);
  CHECK(all.clear_argmax_share == 1);
  ours = kReference;
  std::swap(ours[0], ours[2]);
  all = compare_logits(ours, kReference, 4);
  CHECK(all.argmax_share == 0.5);
  CHECK(all.clear_argmax_share == 0);
  CHECK(all.min_cosine < 0.9);
  CHECK(all.max_kl > 1);
  CHECK(all.close_share == 0.5);
}

TEST_CASE("Differences are in units of the reference's standard deviation") {
  const std::vector<float> reference = {0, 2, 0, 2};  // std 1
  const std::vector<float> ours = {0.5f, 2, 0, 2};
  const auto all = compare_logits(ours, reference, 4);
  CHECK(all.max_difference == Approx(0.5));
  CHECK(all.max_mse == Approx(0.0625));
}

TEST_CASE("Logits that are not finite are never equal to anything") {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto ours = kReference;
    ours[1] = bad;
    const auto all = compare_logits(ours, ours, 4);
    CHECK_FALSE(all.finite);
    CHECK(all.min_cosine == -1);
    CHECK(all.clear_argmax_share == 0);
    CHECK(all.close_share == 0.5);
  }
}

TEST_CASE("Sets of logits of different sizes are refused") {
  CHECK_THROWS_AS(compare_logits(std::vector<float>(4), kReference, 4), Error);
  CHECK_THROWS_AS(compare_logits(kReference, kReference, 3), Error);
}
