// The sampling chain: what each step keeps, the order of the steps, and that a seed decides the draw.
#include "engine/runtime/sampler.h"

#include <cmath>
#include <limits>
#include <map>

#include "engine/base/error.h"
#include "tests/support/catch.h"

namespace bh::engine {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

/// No step of the chain leaves anything out.
SamplingOptions open_chain() {
  SamplingOptions options;
  options.temperature = 1.0f;
  options.top_k = 0;
  options.top_p = 1.0f;
  options.min_p = 0.0f;
  return options;
}

/// How often each token is drawn.
std::map<TokenId, int> draw(const SamplingOptions& options, const std::vector<float>& logits, int draws = 2000) {
  Sampler sampler(options);
  std::map<TokenId, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[sampler.sample(logits)];
  return counts;
}

std::vector<TokenId> drawn(const SamplingOptions& options, const std::vector<float>& logits) {
  std::vector<TokenId> ids;
  for (const auto& [id, count] : draw(options, logits)) ids.push_back(id);
  return ids;
}

using Ids = std::vector<TokenId>;

}  // namespace

TEST_CASE("the defaults are llama.cpp's") {
  const SamplingOptions options;
  CHECK(options.temperature == 0.8f);
  CHECK(options.top_k == 40);
  CHECK(options.top_p == 0.95f);
  CHECK(options.min_p == 0.05f);
  CHECK(options.repeat_penalty == 1.0f);
  CHECK(options.repeat_last_n == 64);
  CHECK(options.frequency_penalty == 0.0f);
  CHECK(options.presence_penalty == 0.0f);
}

TEST_CASE("argmax is the first maximum and never NaN") {
  CHECK(argmax(std::vector<float>{1, 3, 3, 2}) == 1);
  CHECK(argmax(std::vector<float>{kNaN, -5, -4, kNaN}) == 2);
  CHECK(argmax(std::vector<float>{-kInfinity, kInfinity, kInfinity}) == 1);
  CHECK(argmax(std::vector<float>{7}) == 0);
}

TEST_CASE("temperature 0 is greedy and draws nothing") {
  SamplingOptions options;
  options.temperature = 0.0f;
  CHECK(drawn(options, {1, 2, 5, 5, 0}) == Ids{2});
  options.temperature = -1.0f;
  CHECK(drawn(options, {1, 2, 5, 5, 0}) == Ids{2});
}

TEST_CASE("every token is drawn as often as it is probable") {
  const std::vector<double> probabilities = {0.1, 0.5, 0.15, 0.25};
  constexpr int kDraws = 20000;
  const auto counts = draw(open_chain(), logits_of(probabilities), kDraws);
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    const double p = probabilities[i], standard_error = std::sqrt(p * (1 - p) / kDraws);
    CHECK(counts.at(static_cast<TokenId>(i)) / static_cast<double>(kDraws) == Approx(p).margin(4 * standard_error));
  }
}

TEST_CASE("temperature sharpens and flattens") {
  SamplingOptions options = open_chain();
  options.temperature = 0.5f;  // probabilities squared: 0.8 against 0.2 become 16 : 1
  constexpr int kDraws = 20000;
  CHECK(draw(options, logits_of({0.8, 0.2}), kDraws).at(1) / double{kDraws} == Approx(1.0 / 17).margin(0.007));
  options.temperature = 2.0f;  // square roots: 2 : 1
  CHECK(draw(options, logits_of({0.8, 0.2}), kDraws).at(1) / double{kDraws} == Approx(1.0 / 3).margin(0.015));
}

TEST_CASE("top_k keeps the k likeliest, the lowest ids among equals") {
  SamplingOptions options = open_chain();
  options.top_k = 3;
  CHECK(drawn(options, {0, 1, 1, 1, 1, 2}) == Ids{1, 2, 5});
  options.top_k = 100;
  CHECK(drawn(options, {0, 1, 1, 1, 1, 2}).size() == 6);
}

TEST_CASE("top_p keeps the shortest prefix that reaches p, the crossing token included") {
  const auto logits = logits_of({0.05, 0.5, 0.15, 0.3});
  SamplingOptions options = open_chain();
  for (const auto& [top_p, kept] :
       std::map<float, Ids>{{0.01f, {1}}, {0.49f, {1}}, {0.51f, {1, 3}}, {0.79f, {1, 3}}, {0.81f, {1, 2, 3}}}) {
    CAPTURE(top_p);
    options.top_p = top_p;
    CHECK(drawn(options, logits) == kept);
  }
}

TEST_CASE("min_p keeps what is at least p times as likely as the likeliest") {
  const auto logits = logits_of({0.05, 0.5, 0.15, 0.3});
  SamplingOptions options = open_chain();
  for (const auto& [min_p, kept] :
       std::map<float, Ids>{{0.09f, {0, 1, 2, 3}}, {0.11f, {1, 2, 3}}, {0.31f, {1, 3}}, {0.61f, {1}}, {1.0f, {1}}}) {
    CAPTURE(min_p);
    options.min_p = min_p;
    CHECK(drawn(options, logits) == kept);
  }
}

TEST_CASE("top_k comes before top_p, which comes before temperature") {
  SamplingOptions options = open_chain();
  options.top_k = 2;
  options.top_p = 0.5f;
  CHECK(drawn(options, logits_of({0.4, 0.3, 0.3})) == Ids{0});  // 0.4 of 0.7 is more than half; of 1.0 it is not

  options = open_chain();
  options.top_p = 0.45f;
  options.temperature = 10.0f;  // would make all three nearly equal
  CHECK(drawn(options, logits_of({0.5, 0.3, 0.2})) == Ids{0});
  options.top_p = 1.0f;
  options.min_p = 0.7f;
  CHECK(drawn(options, logits_of({0.5, 0.3, 0.2})) == Ids{0});
}

TEST_CASE("the repeat penalty divides positive logits and multiplies negative ones") {
  SamplingOptions options;
  options.temperature = 0.0f;
  options.repeat_penalty = 2.0f;
  Sampler sampler(options);
  sampler.accept(0);
  CHECK(sampler.sample(std::vector<float>{3.0f, 1.6f}) == 1);    // 1.5 against 1.6
  CHECK(sampler.sample(std::vector<float>{-1.0f, -1.1f}) == 0);  // both were seen: -2.0 against -2.2
  Sampler fresh(options);
  fresh.accept(0);
  CHECK(fresh.sample(std::vector<float>{-1.0f, -1.9f}) == 1);  // -2.0 against -1.9
}

TEST_CASE("frequency counts occurrences, presence only whether there is one") {
  SamplingOptions options;
  options.temperature = 0.0f;
  options.frequency_penalty = 1.0f;
  Sampler frequency(options);
  for (int i = 0; i < 3; ++i) frequency.accept(0);
  frequency.accept(1);
  CHECK(frequency.sample(std::vector<float>{5.0f, 3.5f, 2.4f}) == 1);  // 2, 2.5, 2.4

  options.frequency_penalty = 0.0f;
  options.presence_penalty = 1.0f;
  Sampler presence(options);
  for (int i = 0; i < 3; ++i) presence.accept(0);
  CHECK(presence.sample(std::vector<float>{5.0f, 3.5f}) == 0);  // 4, 3.5
  CHECK(presence.sample(std::vector<float>{4.4f, 3.5f}) == 1);  // 3.4, 3.5
}

TEST_CASE("penalties look back repeat_last_n tokens") {
  const std::vector<float> logits = {3.0f, 2.0f};
  SamplingOptions options;
  options.temperature = 0.0f;
  options.repeat_penalty = 4.0f;
  for (const auto& [last_n, expected] : std::map<std::int32_t, TokenId>{{0, 0}, {2, 0}, {3, 1}, {-1, 1}}) {
    CAPTURE(last_n);
    options.repeat_last_n = last_n;
    Sampler sampler(options);
    for (const TokenId id : {0, 5, 5}) sampler.accept(id);
    CHECK(sampler.sample(std::vector<float>{3.0f, 2.0f, 0, 0, 0, 0}) == expected);
  }
}

TEST_CASE("a sampled token counts for the penalties as well") {
  SamplingOptions options;
  options.temperature = 0.0f;
  options.repeat_penalty = 4.0f;
  Sampler sampler(options);
  const std::vector<float> logits = {3.0f, 2.0f, 1.0f};
  CHECK(sampler.sample(logits) == 0);
  CHECK(sampler.sample(logits) == 1);
  CHECK(sampler.sample(logits) == 2);
}

TEST_CASE("a seed decides the draw, on every platform") {
  std::vector<float> logits;
  for (int i = 0; i < 50; ++i) logits.push_back(static_cast<float>((i * 37) % 50) * 0.1f);
  const auto ids = [&](std::uint64_t seed) {
    SamplingOptions options;
    options.seed = seed;
    Sampler sampler(options);
    Ids list;
    for (int i = 0; i < 12; ++i) list.push_back(sampler.sample(logits));
    return list;
  };
  CHECK(ids(42) == ids(42));
  CHECK(ids(42) != ids(43));
  CHECK(ids(42) == Ids{47, 16, 47, 4, 9, 27, 39, 8, 31, 8, 27, 12});
  CHECK(ids(0) == Ids{4, 2, 27, 39, 12, 27, 16, 35, 28, 9, 35, 43});
}

TEST_CASE("NaN logits are never drawn, and all NaN is an error of the model") {
  CHECK(drawn(open_chain(), {kNaN, 1.0f, kNaN, 1.0f}) == Ids{1, 3});
  Sampler sampler(open_chain());
  try {
    sampler.sample(std::vector<float>{kNaN, kNaN});
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::setup);
  }
}

TEST_CASE("nothing is drawn by logits that overflow, an error of the model") {
  for (const auto& logits : {std::vector<float>{1.0f, kInfinity, 2.0f}, std::vector<float>{-kInfinity, -kInfinity}}) {
    Sampler sampler(open_chain());
    try {
      sampler.sample(logits);
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::setup);
      CHECK_THAT(error.what(), Catch::Contains("logits overflow"));
    }
  }
  CHECK(drawn(open_chain(), {-kInfinity, 1.0f, -kInfinity}) == Ids{1});  // a token can be ruled out
}

TEST_CASE("sampling options out of range are refused by their name") {
  const auto reason = [](void (*change)(SamplingOptions&)) -> std::string {
    SamplingOptions options;
    change(options);
    try {
      validate(options);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
      return error.what();
    }
    return "accepted";
  };
  CHECK(reason([](SamplingOptions&) {}) == "accepted");
  CHECK_THAT(reason([](SamplingOptions& o) { o.temperature = kNaN; }), Catch::Contains("--temp"));
  CHECK_THAT(reason([](SamplingOptions& o) { o.top_p = 0.0f; }), Catch::Contains("--top-p"));
  CHECK_THAT(reason([](SamplingOptions& o) { o.top_p = 1.1f; }), Catch::Contains("--top-p"));
  CHECK_THAT(reason([](SamplingOptions& o) { o.min_p = -0.1f; }), Catch::Contains("--min-p"));
  CHECK_THAT(reason([](SamplingOptions& o) { o.repeat_penalty = 0.0f; }), Catch::Contains("--repeat-penalty"));
  CHECK_THAT(reason([](SamplingOptions& o) { o.repeat_last_n = -2; }), Catch::Contains("--repeat-last-n"));
  CHECK_THAT(reason([](SamplingOptions& o) { o.frequency_penalty = kInfinity; }),
             Catch::Contains("--frequency-penalty"));
  CHECK_THAT(reason([](SamplingOptions& o) { o.presence_penalty = kNaN; }), Catch::Contains("--presence-penalty"));
}

}  // namespace bh::engine
