#include "harness/judge/baseline.h"

#include <algorithm>

#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "engine/base/json.h"
#include "harness/core/report_json.h"
#include "harness/judge/machine.h"

namespace bh::harness {

namespace fs = std::filesystem;

Baseline read_baseline(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    fail(ErrorKind::setup, "there is no baseline {}: measure one and promote it with 'bitharness perf --promote'",
         path.string());
  }
  Baseline baseline;
  baseline.source = path.string();
  baseline.report = report_from_json(read_json_file(path.string()), path.string());
  baseline.machine_class = machine_class(baseline.report.environment);
  baseline.fingerprint = machine_fingerprint(baseline.report.environment);
  return baseline;
}

fs::path baseline_path(const fs::path& folder, const Report& report) {
  return folder / machine_class(report.environment) / (report.suite + ".json");
}

std::string why_not_promotable(const Report& report) {
  if (report.interrupted_by_signal != 0) return "the run was interrupted";
  if (report.results.empty()) return "nothing was measured";
  for (const OptionValue& option : report.options) {
    if (option.name == "filter" && !option.values.empty()) return "only a part of the suite ran (--filter)";
  }
  if (const json::value* mock = find(report.subject, "mock"); mock != nullptr && mock->is_bool() && mock->get_bool()) {
    return "a mock was measured";
  }
  for (const Result& result : report.results) {
    const bool carries = result.verdict == Verdict::passed || result.verdict == Verdict::warned;
    if (!carries) return fmt::format("{} {}: {}", result.case_id, to_string(result.verdict), result.reason);
  }
  if (report.outcome.exit_code != 0) {
    return report.outcome.reasons.empty() ? "the run is not green" : report.outcome.reasons.front();
  }
  return {};
}

fs::path promote(const Report& report, const fs::path& folder, bool force) {
  if (const std::string why = why_not_promotable(report); !why.empty() && !force) {
    fail(ErrorKind::setup, "not promoted to a baseline: {}; measure again, or insist with --force", why);
  }
  fs::path path = baseline_path(folder, report);
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) {
    fail(ErrorKind::setup, "cannot make the folder {}: {}", path.parent_path().string(), error.message());
  }
  AtomicFile file(path);
  file.write(write_json(to_json(report)));
  file.commit();
  return path;
}

double same_bytes_factor(const Result& now, const Result& before) {
  const Metric* ours = now.find_metric("bytes_per_token");
  const Metric* theirs = before.find_metric("bytes_per_token");
  const auto known = [](const Metric* metric) { return metric != nullptr && metric->value && *metric->value > 0; };
  return known(ours) && known(theirs) ? *theirs->value / *ours->value : 1;
}

std::vector<Baseline> list_baselines(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (const auto& machine : fs::directory_iterator(folder, error)) {
    if (!machine.is_directory()) continue;
    for (const auto& file : fs::directory_iterator(machine.path(), error)) {
      if (file.path().extension() == ".json") paths.push_back(file.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Baseline> baselines;
  for (const fs::path& path : paths) {
    try {
      baselines.push_back(read_baseline(path));
    } catch (const Error&) {
      // Whatever else lies there is not ours to judge.
    }
  }
  return baselines;
}

}  // namespace bh::harness
