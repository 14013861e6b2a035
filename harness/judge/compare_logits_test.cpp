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

TEST_CASE("the best five are compared as sets, the raw difference by its norm and its largest") {
  const std::vector<float> reference = {9, 8, 7, 6, 5, 4, 3};
  const std::vector<float> ours = {9, 8, 7, 4, 6, 5, 3};  // 3 left the best five for 5
  const auto all = compare_logits(ours, reference, 7);
  CHECK(all.rows[0].top5 == Approx(0.8));
  CHECK(all.top5_share == Approx(0.8));
  CHECK(all.rows[0].max_abs == 2);
  CHECK(all.rows[0].l2 == Approx(std::sqrt(4.0 + 1 + 1)));
  CHECK(all.rows[0].mse == Approx(6.0 / 7));
  const auto small = compare_logits(std::vector<float>{1, 2}, std::vector<float>{2, 1}, 2);
  CHECK(small.top5_share == 1);
}

TEST_CASE("comparisons are summed up as if all rows had been one") {
  const std::vector<float> reference = {0, 1, 2, 3, 9, 8, 7, 5}, ours = {0, 1, 2, 3.5f, 9, 8, 7.25f, 5};
  const auto whole = compare_logits(ours, reference, 4);
  auto rows = compare_logits(std::span(ours).first(4), std::span(reference).first(4), 4).rows;
  rows.push_back(compare_logits(std::span(ours).last(4), std::span(reference).last(4), 4).rows[0]);
  const auto parts = summarise(rows);
  CHECK(parts.min_cosine == whole.min_cosine);
  CHECK(parts.max_kl == whole.max_kl);
  CHECK(parts.median_difference == whole.median_difference);
  CHECK(parts.argmax_share == whole.argmax_share);
}
