#include "harness/core/verdict.h"

namespace bh::harness {

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::passed:
      return "passed";
    case Verdict::warned:
      return "warned";
    case Verdict::failed:
      return "failed";
    case Verdict::regressed:
      return "regressed";
    case Verdict::untrusted:
      return "untrusted";
    case Verdict::skipped:
      return "skipped";
    case Verdict::errored:
      return "errored";
    case Verdict::interrupted:
      return "interrupted";
  }
  return "unknown";
}

std::optional<Verdict> verdict_from(std::string_view text) noexcept {
  for (const Verdict verdict : kVerdicts) {
    if (to_string(verdict) == text) return verdict;
  }
  return std::nullopt;
}

}  // namespace bh::harness
