// Baselines: promoted reports, one file for each machine class and suite, <folder>/<machine class>/<suite>.json.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/core/report.h"

namespace bh::harness {

struct Baseline {
  Report report;
  std::string source;         ///< the path it was read from
  std::string machine_class;  ///< of the machine it was measured on
  std::string fingerprint;
};

/// Throws Error(setup) where there is none or it is no report.
Baseline read_baseline(const std::filesystem::path& path);

/// Where the baseline of a report's machine and suite stands.
std::filesystem::path baseline_path(const std::filesystem::path& folder, const Report& report);

/// Empty, or why a report is no baseline: not green, nothing measured, an untrusted case, a mock, an interruption.
std::string why_not_promotable(const Report& report);

/// Writes the report, all or nothing, and returns the path. Throws Error(setup) with why_not_promotable() unless
/// `force`.
std::filesystem::path promote(const Report& report, const std::filesystem::path& folder, bool force);

/// What makes one f comparable with another: both with the earlier run's bytes per token, since an engine that reads
/// less for a token is not slower for it. 1 where either run does not say.
double same_bytes_factor(const Result& now, const Result& before);

/// Every baseline below `folder`, sorted by path; files that are none are left out.
std::vector<Baseline> list_baselines(const std::filesystem::path& folder);

}  // namespace bh::harness
