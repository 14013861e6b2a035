#include "harness/judge/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace bh::harness {

namespace {

int severity(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
      return 0;
    case Verdict::warned:
      return 1;
    case Verdict::untrusted:
      return 2;
    case Verdict::regressed:
      return 3;
    case Verdict::failed:
      return 4;
    case Verdict::skipped:
    case Verdict::errored:
    case Verdict::interrupted:
      return 5;  // it did not run to its end: no bound changes that
  }
  return 5;
}

void lower(Result& result, Verdict verdict, const std::string& reason) {
  if (result.reason.find(reason) == std::string::npos) {
    result.reason += (result.reason.empty() ? "" : "; ") + reason;
  }
  if (severity(verdict) > severity(result.verdict)) result.verdict = verdict;
}

void apply(const Expectation& expectation, Result& result) {
  if (severity(result.verdict) >= 5 || expectation.metric.empty()) return;
  const Metric* metric = result.find_metric(expectation.metric);
  const auto from = expectation.source.empty() ? "" : fmt::format(" ({})", expectation.source);
  if (metric == nullptr || !metric->value) {
    const std::string note = metric == nullptr || metric->note.empty() ? "" : ": " + metric->note;
    lower(result, Verdict::untrusted, fmt::format("{} is missing{}{}", expectation.metric, note, from));
    return;
  }
  const double value = *metric->value;
  const std::string unit = metric->unit.empty() ? "" : " " + metric->unit;
  if (!std::isfinite(value)) {
    lower(result, Verdict::failed, fmt::format("{} is not finite{}", metric->name, from));
  } else if (expectation.min && value < *expectation.min) {
    lower(result, expectation.on_violation,
          fmt::format("{} is {:.6g}{}, below {:.6g}{}", metric->name, value, unit, *expectation.min, from));
  } else if (expectation.max && value > *expectation.max) {
    lower(result, expectation.on_violation,
          fmt::format("{} is {:.6g}{}, above {:.6g}{}", metric->name, value, unit, *expectation.max, from));
  }
}

std::string because(const std::string& id, std::string_view what, const std::string& reason) {
  return fmt::format("{} {}{}{}", id, what, reason.empty() ? "" : ": ", reason);
}

/// The reasons of one exit code; the first code with any decides.
struct Reasons {
  ExitCode code;
  std::vector<std::string> lines;
};

Reasons errors_of_kind(const Report& report, ErrorKind kind) {
  Reasons found{exit_code_of(kind), {}};
  for (const Result& result : report.results) {
    if (result.error_kind == to_string(kind)) found.lines.push_back(because(result.case_id, "errored", result.reason));
  }
  return found;
}

Reasons strict_violations(const Report& report, const std::set<std::string>& required) {
  Reasons found{ExitCode::strict, {}};
  if (!report.strict) return found;
  for (const Result& result : report.results) {
    for (const Violation& violation : result.violations) {
      found.lines.push_back(fmt::format("{}: {}{}{}{}{}: {}", result.case_id, violation.type,
                                        violation.device.empty() ? "" : " on ", violation.device,
                                        violation.layer.empty() ? "" : " in ", violation.layer, violation.reason));
    }
    if (result.verdict == Verdict::skipped && required.count(result.case_id) > 0) {
      found.lines.push_back(fmt::format("{}: required_skip: {}", result.case_id, result.reason));
    }
  }
  for (const std::string& line : errors_of_kind(report, ErrorKind::policy).lines) found.lines.push_back(line);
  return found;
}

Reasons failures(const Report& report) {
  Reasons found{ExitCode::failed, {}};
  for (const Verdict verdict : {Verdict::failed, Verdict::regressed, Verdict::errored}) {
    for (const Result& result : report.results) {
      if (result.verdict == verdict) {
        found.lines.push_back(because(result.case_id, to_string(verdict), result.reason));
      }
    }
  }
  return found;
}

Reasons inconclusive(const Report& report, const std::set<std::string>& required) {
  Reasons found{ExitCode::inconclusive, {}};
  const bool any_ran = std::any_of(report.results.begin(), report.results.end(),
                                   [](const Result& result) { return result.verdict != Verdict::skipped; });
  if (!any_ran)
    found.lines.emplace_back(report.results.empty() ? "nothing ran" : "nothing ran: every case was skipped");
  std::set<std::string> missing = required;
  for (const Result& result : report.results) {
    missing.erase(result.case_id);
    if (result.verdict != Verdict::skipped && result.verdict != Verdict::untrusted) continue;
    if (required.count(result.case_id) == 0) continue;
    found.lines.push_back(
        because(result.case_id, fmt::format("is required and {}", to_string(result.verdict)), result.reason));
  }
  for (const std::string& id : missing) found.lines.push_back(id + " is required and did not run");
  return found;
}

}  // namespace

void judge(Result& result, std::span<const Expectation> expectations) {
  for (const Expectation& expectation : expectations) {
    if (result.case_id == expectation.case_id) apply(expectation, result);
  }
}

void judge(Report& report) {
  for (Result& result : report.results) judge(result, report.expectations);
  std::set<std::string> required;
  for (const Expectation& expectation : report.expectations) {
    if (expectation.required) required.insert(expectation.case_id);
  }
  report.outcome = {};
  if (report.interrupted_by_signal != 0) {
    report.outcome.exit_code = kSignalBase + report.interrupted_by_signal;
    report.outcome.reasons = {fmt::format("ended by signal {}", report.interrupted_by_signal)};
    return;
  }
  // The order of harness/core/exit_code.cpp.
  for (Reasons& reasons :
       std::vector<Reasons>{errors_of_kind(report, ErrorKind::internal), errors_of_kind(report, ErrorKind::setup),
                            strict_violations(report, required), failures(report), inconclusive(report, required)}) {
    if (reasons.lines.empty()) continue;
    if (report.outcome.exit_code == 0) report.outcome.exit_code = static_cast<int>(reasons.code);
    for (std::string& line : reasons.lines) {
      auto& all = report.outcome.reasons;
      if (std::find(all.begin(), all.end(), line) == all.end()) all.push_back(std::move(line));
    }
  }
}

}  // namespace bh::harness
