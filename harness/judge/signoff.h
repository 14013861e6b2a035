// Sign-off: stages with a verdict and evidence each, waivers that excuse some of them for a while, and one verdict. The
// stages are run by harness/cli/commands/signoff.cpp; here is what they come to, as data, JSON and Markdown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "harness/core/verdict.h"

namespace bh::harness {

inline constexpr const char* kSignoffSchema = "bitharness.signoff/1";
inline constexpr const char* kWaiversSchema = "bitharness.waivers/1";

struct Stage {
  std::string name;
  Verdict verdict = Verdict::passed;  ///< passed, warned, failed, errored, or untrusted: it could not be told
  int exit_code = 0;                  ///< 0, or what this stage alone would make of the sign-off
  std::vector<std::string> reasons;   ///< why it is not passed
  std::vector<std::string> blocking;  ///< ids of the cases that stand in the way, where it was a suite
  std::string evidence;               ///< path, relative to the sign-off's folder; empty = there is none
  std::int64_t duration_ns = 0;
  bool waived = false;
};

/// Excuses a stage, or one case of it, until the end of a day.
struct Waiver {
  std::string name;     ///< of a stage, or id of a case
  std::string reason;   ///< never empty
  std::string expires;  ///< "2027-01-31"
  bool expired = false;
  bool used = false;
};

struct Signoff {
  std::string started_at, finished_at;  ///< RFC 3339, UTC
  std::int64_t duration_ns = 0;
  std::string bitharness_version, git_describe, host_name;
  std::vector<Stage> stages;
  std::vector<Waiver> waivers;
  int exit_code = 0;
  std::vector<std::string> reasons;   ///< why it is not signed off, worst first
  std::vector<std::string> warnings;  ///< what does not block: warned stages, waived ones, waivers expired or unused
};

/// `today` is "2026-11-21". Throws Error(setup) naming `what` on anything that is not a list of waivers.
std::vector<Waiver> read_waivers(const json::value& document, std::string_view what, std::string_view today);

/// Applies the waivers and sets exit code, reasons and warnings. A bug in bitharness cannot be waived, and no stages at
/// all are no sign-off.
void conclude(Signoff& signoff);

std::string_view headline(const Signoff& signoff);  ///< "SIGNED OFF", "NOT SIGNED OFF" or "INCONCLUSIVE"
json::object to_json(const Signoff& signoff);
std::string to_markdown(const Signoff& signoff);

}  // namespace bh::harness
