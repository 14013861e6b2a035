// What the columns Median, P95, Min, Max and StdDev of a report say about a metric's samples.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace bh::reports {

struct SampleSummary {
  std::size_t count = 0;  ///< of the finite samples; the rest is 0 where there is none
  double median = 0;
  double p95 = 0;  ///< linear between order statistics (type 7 of Hyndman and Fan)
  double min = 0;
  double max = 0;
  double stddev = 0;  ///< of a sample: n - 1; 0 for a single one
};

SampleSummary summarize(const std::vector<double>& samples);

/// A histogram in plain characters, one line per bin, each with its range and its count; empty below two samples.
std::string text_histogram(const std::vector<double>& samples, std::size_t width);

}  // namespace bh::reports
