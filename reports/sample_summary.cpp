#include "reports/sample_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bh::reports {

namespace {

std::vector<double> sorted_finite(const std::vector<double>& samples) {
  std::vector<double> sorted;
  std::copy_if(samples.begin(), samples.end(), std::back_inserter(sorted), [](double x) { return std::isfinite(x); });
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

double quantile(const std::vector<double>& sorted, double p) {
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

SampleSummary summarize(const std::vector<double>& samples) {
  const std::vector<double> sorted = sorted_finite(samples);
  SampleSummary summary;
  summary.count = sorted.size();
  if (sorted.empty()) return summary;
  summary.median = quantile(sorted, 0.5);
  summary.p95 = quantile(sorted, 0.95);
  summary.min = sorted.front();
  summary.max = sorted.back();
  const auto n = static_cast<double>(sorted.size());
  double mean = 0, squares = 0;
  for (const double x : sorted) mean += x / n;
  for (const double x : sorted) squares += (x - mean) * (x - mean);
  if (sorted.size() > 1) summary.stddev = std::sqrt(squares / (n - 1));
  return summary;
}

std::string text_histogram(const std::vector<double>& samples, std::size_t width) {
  const std::vector<double> sorted = sorted_finite(samples);
  if (sorted.size() < 2) return "";
  const double low = sorted.front(), high = sorted.back();
  // Sturges' rule: enough bins to see a shape, few enough to read.
  std::size_t bins = 1;
  while (high > low && (std::size_t{1} << (bins - 1)) < sorted.size()) ++bins;
  std::vector<std::size_t> counts(bins);
  for (const double x : sorted) {
    const double share = high > low ? (x - low) / (high - low) : 0.0;
    ++counts[std::min(static_cast<std::size_t>(share * static_cast<double>(bins)), bins - 1)];
  }
  const std::size_t most = *std::max_element(counts.begin(), counts.end());
  std::string out;
  for (std::size_t bin = 0; bin < bins; ++bin) {
    const double step = (high - low) / static_cast<double>(bins);
    const double from = low + step * static_cast<double>(bin);
    out += fmt::format("{:>9.4g} .. {:<9.4g} |{:<{}}| {}\n", from, from + step,
                       std::string((counts[bin] * width + most - 1) / most, '#'), width, counts[bin]);
  }
  return out;
}

}  // namespace bh::reports
