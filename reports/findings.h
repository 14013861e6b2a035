// What a Report holds that is worth drawing, taken out of cases, metrics and exhibits (harness/core/exhibits.h).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "harness/core/exhibits.h"
#include "harness/core/report.h"
#include "reports/plots.h"

namespace bh::reports {

Mood mood_of(harness::Verdict verdict);

struct FoundComparison {
  const harness::Result* result = nullptr;
  harness::Comparison comparison;
  RatioRow row;
};
/// Comparisons that have a ratio, in the order of the results.
std::vector<FoundComparison> find_comparisons(const harness::Report& report);

/// A metric against the context depth that the cases name in params["n_depth"]: one series per case but for its depth.
struct DepthCurve {
  std::string metric;
  std::string unit;
  std::vector<Series> series;
};
/// Only where a series has at least two depths.
std::vector<DepthCurve> find_depth_curves(const harness::Report& report);

struct FoundErrors {
  const harness::Result* result = nullptr;
  std::vector<ErrorPoint> points;
};
std::vector<FoundErrors> find_layer_errors(const harness::Report& report);

struct FoundDivergence {
  const harness::Result* result = nullptr;
  harness::Divergence divergence;
};
std::vector<FoundDivergence> find_divergences(const harness::Report& report);

/// "perf/decode/x/t2" -> "decode/x/t2": inside one report the suite goes without saying.
std::string case_label(const harness::Report& report, std::string_view case_id);

/// What a case's expectations want of a metric: bounds and their sources, both empty where nothing is wanted.
std::pair<std::string, std::string> wanted_of(const harness::Report& report, const harness::Result& result,
                                              const harness::Metric& metric);
bool is_required(const harness::Report& report, const harness::Result& result);

}  // namespace bh::reports
