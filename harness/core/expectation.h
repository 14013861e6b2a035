// What a metric of a case must be, and who says so. An acceptance criterion and a baseline are both lists of these,
// so there is one judge.
#pragma once

#include <optional>
#include <string>

#include "harness/core/verdict.h"

namespace bh::harness {

struct Expectation {
  std::string case_id;
  std::string metric;  ///< empty: the case itself has to run and not fail
  std::optional<double> min;
  std::optional<double> max;  ///< both inclusive
  std::string source;         ///< where the bounds come from: "criteria.json profile shipped, AC8"
  bool required = true;       ///< a required case that is skipped, untrusted or did not run makes the run inconclusive
  Verdict on_violation = Verdict::failed;  ///< failed, regressed, untrusted or warned
};

}  // namespace bh::harness
