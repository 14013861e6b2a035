#include "harness/core/check.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.h"

namespace bh::harness {

ExitCode exit_code_of(std::span<const Check> checks) noexcept {
  const auto any = [&](Verdict verdict) {
    return std::any_of(checks.begin(), checks.end(), [&](const Check& check) { return check.verdict == verdict; });
  };
  if (any(Verdict::failed)) return ExitCode::failed;
  if (any(Verdict::untrusted) || !(any(Verdict::passed) || any(Verdict::warned))) return ExitCode::inconclusive;
  return ExitCode::ok;
}

json::array to_json(std::span<const Check> checks) {
  json::array array;
  for (const Check& check : checks) {
    array.push_back(
        json::object{{"name", check.name}, {"verdict", to_string(check.verdict)}, {"message", check.message}});
  }
  return array;
}

std::string to_text(std::span<const Check> checks) {
  std::size_t width = 0;
  for (const Check& check : checks) width = std::max(width, check.name.size());
  std::string text;
  for (const Check& check : checks) {
    const std::string_view verdict = check.verdict == Verdict::skipped ? "not checked" : to_string(check.verdict);
    text += fmt::format("  {:<12} {:<{}}  {}\n", verdict, check.name, width, one_line(check.message));
  }
  return text;
}

}  // namespace bh::harness
