#include "harness/core/result.h"

#include <cmath>

#include "harness/core/report.h"

namespace bh::harness {

const Metric* Result::find_metric(std::string_view name) const noexcept {
  for (const Metric& metric : metrics) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

const Case* Report::find_case(std::string_view id) const noexcept {
  for (const Case& item : cases) {
    if (item.id == id) return &item;
  }
  return nullptr;
}

Result skipped(std::string reason) {
  Result result;
  result.verdict = Verdict::skipped;
  result.reason = std::move(reason);
  return result;
}

void add(Result& result, std::string name, double value, std::string unit) {
  add_samples(result, std::move(name), value, std::move(unit), {});
}

void add_samples(Result& result, std::string name, double value, std::string unit, std::vector<double> samples) {
  Metric metric{std::move(name), std::move(unit), value, std::move(samples), {}};
  if (!std::isfinite(value)) {
    metric.value = std::nullopt;
    metric.note = "not finite";
  }
  result.metrics.push_back(std::move(metric));
}

void add_missing(Result& result, std::string name, std::string unit, std::string note) {
  result.metrics.push_back({std::move(name), std::move(unit), std::nullopt, {}, std::move(note)});
}

}  // namespace bh::harness
