// The Report: all that leaves a run. Writers are pure functions of it; its JSON (bitharness.run/1) is in report_json.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/expectation.h"
#include "harness/core/options.h"
#include "harness/core/result.h"

namespace bh::harness {

inline constexpr const char* kReportSchema = "bitharness.run/1";

/// Where and with what build a run took place. 0 and empty mean unknown.
struct Environment {
  std::string bitharness_version;
  std::string git_describe;
  std::string build_type;
  std::string compiler;
  std::string host_name;
  std::string os;
  std::string architecture;
  std::string cpu_model;
  std::vector<std::string> cpu_features;
  int logical_cores = 0;
  int usable_cores = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t l1d_bytes = 0;
  std::uint64_t l2_bytes = 0;
  std::uint64_t l3_bytes = 0;
  double load_average_1m = 0;  ///< when the run started
};

/// The judge's conclusion.
struct Outcome {
  int exit_code = 0;
  std::vector<std::string> reasons;  ///< why it is not 0, worst first
};

struct Report {
  std::string schema = kReportSchema;
  std::string suite;
  std::string command_line;  ///< as typed, quoted for a shell
  std::string started_at;    ///< RFC 3339, UTC
  std::string finished_at;
  std::int64_t duration_ns = 0;
  int interrupted_by_signal = 0;  ///< 0 = none
  bool strict = false;
  Environment environment;
  std::vector<OptionValue> options;  ///< every option of the suite with its value and where that came from
  json::object subject;              ///< what was tested, as Subject::describe() says it, or as the suite does
  json::object notes;                ///< what a suite says about the whole run: profile, model, hashes
  std::vector<Case> cases;
  std::vector<Result> results;  ///< one per case, in the same order
  std::vector<Expectation> expectations;
  Outcome outcome;

  const Case* find_case(std::string_view id) const noexcept;
};

}  // namespace bh::harness
