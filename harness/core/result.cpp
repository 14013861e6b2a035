#include "harness/core/result.h"

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

}  // namespace bh::harness
