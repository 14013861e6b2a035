#include "harness/core/statistics.h"

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "tests/support/catch.h"
#include "tests/support/paths.h"

using namespace bh;
using namespace bh::harness;

namespace {

json::value scipy_vectors() { return read_json_file(std::string(test::kSourceDir) + "/tests/data/statistics.json"); }

double number(const json::value& value) { return value.to_number<double>(); }

}  // namespace

TEST_CASE("statistics are those of scipy and numpy") {
  const json::value document = scipy_vectors();
  for (const json::value& vector : document.at("vectors").as_array()) {
    CAPTURE(std::string(vector.at("name").as_string()));
    std::vector<double> values;
    for (const json::value& value : vector.at("values").as_array()) values.push_back(number(value));
    const auto same = [](double expected) { return Approx(expected).epsilon(1e-12).margin(1e-14); };
    CHECK(median(values) == same(number(vector.at("median"))));
    CHECK(mean(values) == same(number(vector.at("mean"))));
    CHECK(standard_deviation(values) == same(number(vector.at("standard_deviation"))));
    CHECK(median_absolute_deviation(values) == same(number(vector.at("median_absolute_deviation"))));
    for (const json::value& pair : vector.at("percentiles").as_array()) {
      CHECK(percentile(values, number(pair.at(0))) == same(number(pair.at(1))));
    }
    const MedianInterval interval = median_interval(values);
    const json::value& expected = vector.at("interval");
    CHECK(interval.rank == expected.at("rank").as_int64());
    CHECK(interval.coverage == same(number(expected.at("coverage"))));
    CHECK(interval.low == number(expected.at("low")));
    CHECK(interval.high == number(expected.at("high")));
  }
}

TEST_CASE("the binomial distribution is scipy's") {
  const json::value document = scipy_vectors();
  for (const json::value& row : document.at("binomial").as_array()) {
    CAPTURE(write_json_line(row));
    const auto k = static_cast<int>(row.at(0).as_int64()), n = static_cast<int>(row.at(1).as_int64());
    CHECK(binomial_cdf(k, n, number(row.at(2))) == Approx(number(row.at(3))).epsilon(1e-11).margin(1e-300));
  }
  CHECK(binomial_cdf(-1, 5, 0.5) == 0);
}

TEST_CASE("percentiles that two samples do not reach are hidden") {
  CHECK(samples_for_percentile(90) == 20);
  CHECK(samples_for_percentile(95) == 40);
  CHECK(samples_for_percentile(99) == 200);
  CHECK_FALSE(enough_for_percentile(19, 90));
  CHECK(enough_for_percentile(20, 90));
  CHECK_FALSE(enough_for_percentile(199, 99));
  CHECK(enough_for_percentile(200, 99));
  CHECK_FALSE(enough_for_percentile(1'000'000, 100));
}

TEST_CASE("statistics of nothing, or of what is no number, are bugs") {
  CHECK_THROWS_AS(median({}), Error);
  CHECK_THROWS_AS(median_interval({1.0, std::numeric_limits<double>::quiet_NaN()}), Error);
  CHECK_THROWS_AS(percentile({1.0}, 101), Error);
  CHECK_THROWS_AS(median_interval_of_rank({1.0, 2.0, 3.0}, 3), Error);
}
