// A stored baseline turned into expectations: f within a machine class, absolute speeds on the same machine only, the
// same answer everywhere.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/core/expectation.h"
#include "harness/core/result.h"
#include "harness/judge/baseline.h"
#include "harness/judge/criteria.h"
#include "suites/perf/own_cases.h"

namespace bh::suites::perf {

/// How far a metric may be from the baseline's on the same machine; a row of "bands". Shares of the baseline's value.
struct Band {
  std::string metric;
  bool higher_is_better = true;
  double warning = 1;
  double critical = 1;
};

class BaselineGate {
 public:
  /// A baseline that is missing or cannot be read is no error here: the case perf/baseline is skipped with the reason,
  /// and since it is required, the run is inconclusive.
  BaselineGate(const std::string& path, const harness::Criteria& criteria, double margin,
               const harness::Environment& here);

  /// Whether the baseline gates this case.
  bool knows(const std::string& case_id) const noexcept;

  /// What f has to be, of tokens that read so many bytes: the baseline's, with what an engine that reads less for a
  /// token gains by it. Nothing where f does not gate the case.
  std::optional<StoredFraction> expected_fraction(const std::string& case_id, double bytes_per_token) const;

  /// For cases that the baseline has, too. f gates by the interval of its median: a part of it below 1 - margin of the
  /// baseline's is untrusted, all of it below what the baseline's own interval leaves of that is a regression.
  std::vector<harness::Expectation> expectations(const std::vector<std::string>& case_ids) const;

  /// Adds what the baseline says beside it: comparisons, and answer_equals_baseline where the model is the same.
  void compare(harness::Result& result);

  /// The result of perf/baseline: what was gated and why the rest was not. Asked for last.
  harness::Result summary() const;

  json::object note() const;  ///< for Report.notes["baseline"]

 private:
  const harness::Result* stored(const std::string& case_id) const noexcept;
  bool can_gate(const harness::Result& then) const noexcept;
  void add_ratio(harness::Result& result, const harness::Result& then) const;
  void add_comparison(harness::Result& result, const harness::Metric& now, const harness::Metric& then, bool gated,
                      bool higher_is_better) const;

  std::optional<harness::Baseline> baseline_;
  std::string path_;
  std::string why_not_;  ///< nothing is gated, and why
  std::vector<Band> bands_;
  double margin_ = 0;
  bool same_machine_ = false;
  std::set<std::string> gated_;         ///< ids of cases
  std::set<std::string> other_models_;  ///< ids of cases whose model is another file
};

}  // namespace bh::suites::perf
