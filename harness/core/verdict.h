// How a case can end. The judge (harness/judge) turns verdicts into the exit code of a run.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace bh::harness {

enum class Verdict {
  passed,
  warned,       ///< outside a band that only warns
  failed,       ///< wrong, or outside a bound
  regressed,    ///< right, but worse than its baseline
  untrusted,    ///< measured, but the evidence does not carry a verdict (noise, an implausible or missing value)
  skipped,      ///< did not run; the reason says why
  errored,      ///< an exception ended it
  interrupted,  ///< a signal ended the run before or in it
};

inline constexpr std::array kVerdicts = {Verdict::passed,    Verdict::warned,  Verdict::failed,  Verdict::regressed,
                                         Verdict::untrusted, Verdict::skipped, Verdict::errored, Verdict::interrupted};

std::string_view to_string(Verdict verdict) noexcept;
/// nullopt for an unknown word.
std::optional<Verdict> verdict_from(std::string_view text) noexcept;

}  // namespace bh::harness
