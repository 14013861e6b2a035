#include "harness/core/statistics.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"

namespace bh::harness {
namespace {

std::vector<double> sorted(std::vector<double> values) {
  BH_ASSERT(!values.empty());
  BH_ASSERT(std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); }));
  std::sort(values.begin(), values.end());
  return values;
}

}  // namespace

double median(std::vector<double> values) {
  values = sorted(std::move(values));
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

double mean(std::span<const double> values) {
  BH_ASSERT(!values.empty());
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double standard_deviation(std::span<const double> values) {
  const double centre = mean(values);
  if (values.size() == 1) return 0;
  double squares = 0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double median_absolute_deviation(std::span<const double> values) {
  const double centre = median({values.begin(), values.end()});
  std::vector<double> distances;
  for (const double value : values) distances.push_back(std::abs(value - centre));
  return median(std::move(distances));
}

double percentile(std::vector<double> values, double percent) {
  BH_ASSERT(percent >= 0 && percent <= 100);
  values = sorted(std::move(values));
  const double place = percent / 100 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

std::size_t samples_for_percentile(double percent) noexcept {
  // 2 / (1 - p), rounded up; the small subtrahend keeps 2 / 0.1 from becoming 21.
  return static_cast<std::size_t>(std::ceil(200 / (100 - percent) - 1e-9));
}

bool enough_for_percentile(std::size_t samples, double percent) noexcept {
  return percent < 100 && samples >= samples_for_percentile(percent);
}

double binomial_cdf(int k, int n, double p) {
  BH_ASSERT(n >= 0 && p >= 0 && p <= 1);
  if (k < 0) return 0;
  if (k >= n) return 1;
  if (p == 0) return 1;
  if (p == 1) return 0;
  double sum = 0;
  for (int i = 0; i <= k; ++i) {
    const double log_choose = std::lgamma(n + 1.0) - std::lgamma(i + 1.0) - std::lgamma(n - i + 1.0);
    sum += std::exp(log_choose + i * std::log(p) + (n - i) * std::log1p(-p));
  }
  return std::min(sum, 1.0);
}

double median_interval_coverage(int n, int rank) {
  BH_ASSERT(n >= 1 && rank >= 1 && 2 * rank <= n + 1);
  return std::max(0.0, 1 - 2 * binomial_cdf(rank - 1, n, 0.5));
}

MedianInterval median_interval_of_rank(std::vector<double> values, int rank) {
  values = sorted(std::move(values));
  const int n = static_cast<int>(values.size());
  const double coverage = median_interval_coverage(n, rank);
  return {values[static_cast<std::size_t>(rank - 1)], values[static_cast<std::size_t>(n - rank)], rank, coverage};
}

MedianInterval median_interval(std::vector<double> values, double coverage) {
  const int n = static_cast<int>(values.size());
  int rank = 1;
  while (2 * (rank + 1) <= n + 1 && median_interval_coverage(n, rank + 1) >= coverage) ++rank;
  return median_interval_of_rank(std::move(values), rank);
}

}  // namespace bh::harness
