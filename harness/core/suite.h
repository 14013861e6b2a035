// A suite expands options to cases and runs one case to a result. The list is suites/registry.cpp.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/clock.h"
#include "harness/core/expectation.h"
#include "harness/core/options.h"
#include "harness/core/report.h"
#include "harness/core/result.h"
#include "harness/core/subject.h"

namespace bh::harness {

/// All a suite may use of the outside world. Outlives the suite.
struct SuiteContext {
  const Options* options = nullptr;
  std::span<const SubjectRow> subjects;
  Clock clock;
  std::function<void(std::string_view line)> progress;  ///< one line to stderr
  std::function<bool()> cancelled;                      ///< a signal has asked the run to end
  /// A suspect is measured once more: what the first measurement said goes into the event log.
  std::function<void(std::string_view case_id, Verdict first, std::string_view reason)> rerun = {};
};

class Suite {
 public:
  virtual ~Suite() = default;
  /// Every case these options select, before --filter. Throws Error(usage) or Error(setup).
  virtual std::vector<Case> expand() = 0;
  /// What the cases have to meet; those of cases that are not in the run are ignored.
  virtual std::vector<Expectation> expectations() = 0;
  /// May throw: an exception becomes Verdict::errored. The caller fills in case_id and duration_ns, and judges.
  virtual Result run(const Case& item) = 0;
  /// Subject and notes of the report; called after expand() and after every case is judged, so that an interrupted run
  /// has them.
  virtual void describe(Report& report) { static_cast<void>(report); }
  /// The judged report of a run that came to its end, once it is written: what is to become of it. May throw.
  virtual void finished(const Report& report) { static_cast<void>(report); }
};

/// A row of the list of suites: `bitharness <name>` runs it.
struct SuiteRow {
  std::string_view name;
  std::string_view summary;
  std::span<const OptionRow> options;  ///< its own; run_cli adds those every suite has (--strict, --filter, -o, ...)
  bool leaves_receipt;                 ///< of what a subject computed, so that there is something to --sign
  std::unique_ptr<Suite> (*make)(const SuiteContext& context);
};

}  // namespace bh::harness
