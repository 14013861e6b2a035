// Several runs of one suite side by side: which verdicts changed, and how each metric went.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/core/report.h"
#include "reports/plots.h"

namespace bh::reports {

struct HistoryRow {
  std::string case_id;
  std::vector<std::optional<harness::Verdict>> verdicts;  ///< per run; nullopt = the case was not in it
};

struct HistoryMetric {
  std::string case_id;
  std::string metric;
  std::string unit;
  Series series;         ///< x counts the runs from 0; runs without a value are left out
  bool changed = false;  ///< not the same value in every run that has one
};

/// Cases in the order of the newest run, then those only older ones have.
std::vector<HistoryRow> verdict_history(std::span<const harness::Report> reports);
/// Metrics that at least two runs have a value of.
std::vector<HistoryMetric> metric_history(std::span<const harness::Report> reports);
/// "2026-11-21 12:00": names of the runs for axes and columns.
std::vector<std::string> run_names(std::span<const harness::Report> reports);

}  // namespace bh::reports
