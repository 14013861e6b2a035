// What is to be run and what came of it: Case, Metric, Result. Plain data; their JSON is in report_json.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "harness/core/verdict.h"

namespace bh::harness {

/// One thing to be decided, stable across runs and machines.
struct Case {
  std::string id;       ///< a path: "acceptance/AC5/round-trip"
  std::string title;    ///< a few words for people; may be empty
  json::object params;  ///< resolved parameters, enough to run it again
  std::string repro;    ///< the command that runs it alone; run_cli fills it in where the suite leaves it empty
};

/// A number and the samples it came from. A missing value is null with a note, never NaN.
struct Metric {
  std::string name;  ///< unit in the name: "decode_tokens_per_second"
  std::string unit;  ///< for people: "tok/s", "ns", "bytes", "" for a ratio
  std::optional<double> value;
  std::vector<double> samples;  ///< raw, in the order taken
  std::string note;             ///< why the value is missing, or how it was made
};

/// Something --strict does not tolerate, recorded in every run: a mock, a fallback kernel, a suspicious weight, ...
struct Violation {
  std::string type;    ///< "mock", "fallback_kernel", "suspicious_weights", "implausible_speed", "required_skip"
  std::string device;  ///< "cpu"; empty where it has no meaning
  std::string layer;   ///< tensor or layer; empty where it has no meaning
  std::string reason;
};

struct Result {
  std::string case_id;
  Verdict verdict = Verdict::passed;  ///< the suite's own; the judge may lower it to what an Expectation demands
  std::string reason;                 ///< one sentence; never empty unless passed
  std::vector<Metric> metrics;
  json::object details;  ///< evidence beyond numbers: texts, ids, tables
  std::vector<Violation> violations;
  std::string error_kind;  ///< of an errored case: "usage", "setup", "policy" or "internal"; else empty
  std::int64_t duration_ns = 0;

  /// nullptr if there is none of that name.
  const Metric* find_metric(std::string_view name) const noexcept;
};

// --- small makers of results
Result skipped(std::string reason);
/// A value that is not finite becomes null with a note.
void add(Result& result, std::string name, double value, std::string unit = "");
void add_samples(Result& result, std::string name, double value, std::string unit, std::vector<double> samples);
void add_missing(Result& result, std::string name, std::string unit, std::string note);

}  // namespace bh::harness
