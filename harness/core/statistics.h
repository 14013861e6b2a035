// Statistics of samples: robust, without an assumption about how the samples are distributed. Checked against scipy on
// stored vectors (tests/data/statistics.json).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace bh::harness {

// Each of these takes at least one finite value, else Error(internal).
double median(std::vector<double> values);
double mean(std::span<const double> values);
double standard_deviation(std::span<const double> values);  ///< with n - 1; 0 for a single value
double median_absolute_deviation(std::span<const double> values);
/// Linear between order statistics (type 7 of Hyndman and Fan), 0 <= percent <= 100.
double percentile(std::vector<double> values, double percent);

/// A percentile is shown where at least two samples lie beyond it: p90 from 20 samples on, p95 from 40, p99 from 200.
bool enough_for_percentile(std::size_t samples, double percent) noexcept;
std::size_t samples_for_percentile(double percent) noexcept;

/// P(X <= k) for X ~ Binomial(n, p), summed exactly.
double binomial_cdf(int k, int n, double p);

/// [x_(rank), x_(n + 1 - rank)] of the sorted values holds the median with probability `coverage`, whatever the
/// distribution.
struct MedianInterval {
  double low = 0;
  double high = 0;
  int rank = 1;
  double coverage = 0;
};

/// 1 - 2 P(X < rank), X ~ Binomial(n, 1/2).
double median_interval_coverage(int n, int rank);
MedianInterval median_interval_of_rank(std::vector<double> values, int rank);
/// The narrowest with at least this coverage. Too few values for that: their whole range, with the coverage it has.
MedianInterval median_interval(std::vector<double> values, double coverage = 0.95);

}  // namespace bh::harness
