// Rank agreement and log-likelihood against vectors that scipy computed, and what they make of ties, masks and NaN.
#include "harness/judge/rank_agreement.h"

#include <cmath>
#include <limits>

#include "engine/base/json.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::harness;
using engine::TokenId;

namespace {

constexpr double kEpsilon = 1e-6;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

json::value vectors() { return read_json_file(std::string(bh::test::kSourceDir) + "/tests/data/rank-agreement.json"); }

template <class T>
std::vector<T> numbers(const json::value& list) {
  std::vector<T> all;
  for (const json::value& item : list.as_array()) all.push_back(item.to_number<T>());
  return all;
}

}  // namespace

TEST_CASE("tau-b is what scipy computes, with and without ties") {
  const json::value document = vectors();
  REQUIRE(document.at("tau_b").as_array().size() == 9);
  for (const json::value& item : document.at("tau_b").as_array()) {
    CAPTURE(item.at("name"));
    const auto tau = kendall_tau_b(numbers<double>(item.at("a")), numbers<double>(item.at("b")), 0);
    REQUIRE(tau.has_value() == !item.at("tau_b").is_null());
    if (tau) CHECK(*tau == Approx(item.at("tau_b").as_double()).margin(1e-12));
  }
}

TEST_CASE("mean negative log-likelihood is what scipy computes") {
  const json::value document = vectors();
  REQUIRE(document.at("nll").as_array().size() == 3);
  for (const json::value& item : document.at("nll").as_array()) {
    CAPTURE(item.at("name"));
    std::vector<float> logits;
    for (const json::value& row : item.at("logits").as_array()) {
      for (const float value : numbers<float>(row)) logits.push_back(value);
    }
    const auto targets = numbers<TokenId>(item.at("targets"));
    const auto width = static_cast<std::int64_t>(logits.size() / targets.size());
    const MeanNll result = mean_nll(logits, width, targets, {});
    CHECK(result.scored == static_cast<std::int64_t>(targets.size()));
    CHECK(result.value == Approx(item.at("mean_nll").as_double()).epsilon(1e-6));
  }
}

TEST_CASE("values nearer than the tie epsilon are tied") {
  const std::vector<double> a = {1, 2, 3}, swapped = {1 + 0.5e-6, 1, 3}, apart = {1 + 2e-6, 1, 3};
  CHECK(*kendall_tau_b(a, swapped, kEpsilon) == Approx(2 / std::sqrt(6.0)));
  CHECK(*kendall_tau_b(a, apart, kEpsilon) == Approx(1.0 / 3));
}

TEST_CASE("tau-b of nothing, of one value, of ties only or of NaN is none") {
  CHECK_FALSE(kendall_tau_b({}, {}, kEpsilon));
  CHECK_FALSE(kendall_tau_b(std::vector<double>{1}, std::vector<double>{1}, kEpsilon));
  CHECK_FALSE(kendall_tau_b(std::vector<double>{1, 1}, std::vector<double>{1, 2}, kEpsilon));
  CHECK_FALSE(kendall_tau_b(std::vector<double>{1, kNan, 3}, std::vector<double>{1, 2, 3}, kEpsilon));
}

TEST_CASE("the top list is in order of logits, then of ids, and leaves masked ids out") {
  const std::vector<float> logits = {1, 5, 5, 9, 2};
  CHECK(top_ids(logits, 3, {}) == std::vector<TokenId>{3, 1, 2});
  const std::vector<TokenId> masked = {3};
  CHECK(top_ids(logits, 3, masked) == std::vector<TokenId>{1, 2, 4});
  CHECK(top_ids(logits, 100, masked).size() == 4);
}

TEST_CASE("steps are compared over the ids in both lists, and the median is over the steps that say something") {
  RankSettings settings;
  settings.top = 3;
  // Step 1: the same order; step 2: the lists share one id; step 3: the three best in opposite order.
  const std::vector<float> a = {4, 3, 2, 1, 0, 0, 9, 8, 7, 0, 0, 0, 3, 2, 1, 0, 0, 0};
  const std::vector<float> b = {8, 6, 4, 2, 0, 0, 0, 0, 7, 8, 9, 0, 1, 2, 3, 0, 0, 0};
  const RankAgreement result = rank_agreement(a, b, 6, settings);
  CHECK(result.finite);
  CHECK(result.common == std::vector<std::int64_t>{3, 1, 3});
  CHECK(*result.steps[0] == Approx(1));
  CHECK_FALSE(result.steps[1]);
  CHECK(*result.steps[2] == Approx(-1));
  CHECK(result.informative == 2);
  CHECK(*result.median == Approx(0).margin(1e-12));
}

TEST_CASE("a logit that is not finite leaves no agreement at all") {
  std::vector<float> a = {3, 2, 1, 3, 2, 1};
  const std::vector<float> b = a;
  a[4] = kNan;
  CHECK_FALSE(rank_agreement(a, b, 3).finite);
  CHECK_FALSE(rank_agreement(b, a, 3).median);
  a[4] = std::numeric_limits<float>::infinity();
  CHECK_FALSE(rank_agreement(a, b, 3).finite);
  a[4] = kNan;
  const std::vector<TokenId> targets = {0, 1};
  CHECK(std::isnan(mean_nll(a, 3, targets, {}).value));
}

TEST_CASE("masked tokens are no targets, and their logits move no rank") {
  const std::vector<TokenId> masked = {2}, targets = {0, 2};
  const std::vector<float> logits = {1, 2, 3, 1, 2, 3};
  const MeanNll result = mean_nll(logits, 3, targets, masked);
  CHECK(result.scored == 1);
  CHECK(result.value == Approx(2 + std::log(1 + std::exp(-1.0) + std::exp(-2.0))));
  RankSettings settings;
  settings.masked = masked;
  const std::vector<float> moved = {1, 2, -9, 1, 2, 99};
  CHECK(rank_agreement(logits, moved, 3, settings).common == std::vector<std::int64_t>{2, 2});
  CHECK(*rank_agreement(logits, moved, 3, settings).median == Approx(1));
}
