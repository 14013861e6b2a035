#include "reports/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "reports/render.h"
#include "reports/sample_summary.h"

namespace bh::reports {

using harness::Report;
using harness::Result;
using harness::Verdict;

namespace {

Mood mood_of_conclusion(const std::string& conclusion) {
  if (conclusion == "pass") return Mood::good;
  if (conclusion == "fail") return Mood::bad;
  return conclusion == "inconclusive" ? Mood::unsure : Mood::plain;
}

std::string against_label(const harness::Comparison& comparison) {
  return comparison.against.empty() ? comparison.kind : "vs " + comparison.against;
}

/// The case's id without the component that says its depth.
std::string without_depth(const std::string& id, std::int64_t depth) {
  const std::string component = fmt::format("/d{}", depth);
  for (auto at = id.find(component); at != std::string::npos; at = id.find(component, at + 1)) {
    const auto end = at + component.size();
    if (end == id.size() || id[end] == '/') return id.substr(0, at) + id.substr(end);
  }
  return id;
}

}  // namespace

Mood mood_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
      return Mood::good;
    case Verdict::skipped:
      return Mood::plain;
    case Verdict::warned:
    case Verdict::untrusted:
      return Mood::unsure;
    default:
      return Mood::bad;
  }
}

std::string case_label(const Report& report, std::string_view case_id) {
  const std::string prefix = report.suite + "/";
  if (case_id.size() > prefix.size() && case_id.substr(0, prefix.size()) == prefix)
    case_id.remove_prefix(prefix.size());
  return std::string(case_id);
}

std::vector<FoundComparison> find_comparisons(const Report& report) {
  std::vector<FoundComparison> found;
  for (const Result& result : report.results) {
    const auto comparisons = harness::comparisons_of(result);
    for (const auto& comparison : comparisons) {
      if (!comparison.ratio || !(*comparison.ratio > 0)) continue;
      FoundComparison item;
      item.result = &result;
      item.comparison = comparison;
      item.row = {case_label(report, result.case_id) +
                      (comparisons.size() > 1 ? " " + against_label(comparison) : std::string()),
                  *comparison.ratio,
                  comparison.low,
                  comparison.high,
                  comparison.noise_low,
                  comparison.noise_high,
                  comparison.margin,
                  comparison.pairs,
                  mood_of_conclusion(comparison.conclusion)};
      found.push_back(std::move(item));
    }
  }
  return found;
}

std::vector<DepthCurve> find_depth_curves(const Report& report) {
  std::vector<DepthCurve> curves;
  for (const Result& result : report.results) {
    const auto* item = report.find_case(result.case_id);
    const json::value* depth = item == nullptr ? nullptr : find(item->params, "n_depth");
    if (depth == nullptr || !depth->is_int64()) continue;
    const std::string label = case_label(report, without_depth(result.case_id, depth->get_int64()));
    for (const auto& metric : result.metrics) {
      if (metric.unit != "tok/s" || !metric.value) continue;
      auto curve = std::find_if(curves.begin(), curves.end(), [&](const auto& c) { return c.metric == metric.name; });
      if (curve == curves.end()) curve = curves.insert(curves.end(), {metric.name, metric.unit, {}});
      auto line =
          std::find_if(curve->series.begin(), curve->series.end(), [&](const Series& s) { return s.label == label; });
      if (line == curve->series.end()) line = curve->series.insert(curve->series.end(), Series{label, {}});
      const SampleSummary summary = summarize(metric.samples);
      Series::Point point{static_cast<double>(depth->get_int64()), *metric.value, {}, {}, Mood::plain, ""};
      if (summary.count > 1) point.low = summary.min, point.high = summary.max;
      point.tooltip = fmt::format("{} at depth {}", format_metric(metric), depth->get_int64());
      line->points.push_back(std::move(point));
    }
  }
  for (DepthCurve& curve : curves) {
    for (Series& line : curve.series) {
      std::stable_sort(line.points.begin(), line.points.end(), [](const auto& a, const auto& b) { return a.x < b.x; });
    }
    curve.series.erase(std::remove_if(curve.series.begin(), curve.series.end(),
                                      [](const Series& line) {
                                        return line.points.size() < 2 || line.points.front().x == line.points.back().x;
                                      }),
                       curve.series.end());
  }
  curves.erase(std::remove_if(curves.begin(), curves.end(), [](const auto& curve) { return curve.series.empty(); }),
               curves.end());
  return curves;
}

std::vector<FoundErrors> find_layer_errors(const Report& report) {
  std::vector<FoundErrors> found;
  for (const Result& result : report.results) {
    FoundErrors errors{&result, {}};
    for (const auto& error : harness::layer_errors_of(result)) {
      if (!error.error) continue;
      errors.points.push_back(
          {error.layer < 0 ? std::string() : std::to_string(error.layer), error.op, *error.error, error.tolerance});
    }
    if (!errors.points.empty()) found.push_back(std::move(errors));
  }
  return found;
}

std::vector<FoundDivergence> find_divergences(const Report& report) {
  std::vector<FoundDivergence> found;
  for (const Result& result : report.results) {
    for (auto& divergence : harness::divergences_of(result)) found.push_back({&result, std::move(divergence)});
  }
  return found;
}

std::pair<std::string, std::string> wanted_of(const Report& report, const Result& result,
                                              const harness::Metric& metric) {
  std::string wanted, source;
  for (const auto& expectation : report.expectations) {
    if (expectation.case_id != result.case_id || expectation.metric != metric.name) continue;
    wanted += (wanted.empty() ? "" : ", ") + describe_bounds(expectation);
    if (source.find(expectation.source) == std::string::npos) {
      source += (source.empty() ? "" : ", ") + expectation.source;
    }
  }
  return {wanted, source};
}

bool is_required(const Report& report, const Result& result) {
  return std::any_of(report.expectations.begin(), report.expectations.end(), [&](const auto& expectation) {
    return expectation.required && expectation.case_id == result.case_id;
  });
}

}  // namespace bh::reports
