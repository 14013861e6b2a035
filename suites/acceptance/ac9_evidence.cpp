// AC9: what this very run shows: a mock and the real model both went through, each with its own verdict, in time.
#include "suites/acceptance/cases.h"

namespace bh::suites::acceptance {

using harness::Result;
using harness::Verdict;

namespace {

constexpr const char* kMock = "acceptance/ac2/mock-is-mock";
constexpr const char* kReal = "acceptance/ac2/real-is-real";
constexpr const char* kPipeline = "acceptance/ac3/pipeline";

}  // namespace

Result check_evidence(Workbench& bench) {
  for (const char* id : {kMock, kReal, kPipeline}) {
    const Result shown = bench.result_of(id);
    if (shown.verdict == Verdict::skipped) return harness::skipped(fmt::format("{} was skipped: {}", id, shown.reason));
  }
  Result result;
  const auto passed = [&](const char* id) {
    const Verdict verdict = bench.judged(bench.result_of(id), id);
    result.details[id] = std::string(harness::to_string(verdict));
    return verdict == Verdict::passed || verdict == Verdict::warned ? 1.0 : 0.0;
  };
  add(result, "mock_passed", passed(kMock));
  add(result, "real_passed", passed(kReal));
  add(result, "pipeline_passed", passed(kPipeline));
  const std::string tier = bench.options().text("tier");
  add(result, "budget_share", bench.elapsed_seconds() / bench.number("ac9", tier + "_tier_seconds"));
  add(result, "elapsed_seconds", bench.elapsed_seconds(), "s");
  result.details["tier"] = tier;
  return result;
}

}  // namespace bh::suites::acceptance
