// AC2: the real model and a mock can both be selected, and a mock is never taken for real.
#include "engine/base/error.h"
#include "suites/acceptance/cases.h"
#include "suites/acceptance/pipeline.h"
#include "suites/subjects/subjects.h"

namespace bh::suites::acceptance {

using harness::Result;
using harness::SubjectInfo;

namespace {

bool says_mock(const std::string& text) { return text.find("mock") != std::string::npos; }

bool any_kernel_says_mock(const SubjectInfo& info) {
  for (const auto& kernel : info.kernels) {
    if (says_mock(kernel.name)) return true;
  }
  return false;
}

}  // namespace

Result check_real_subject(Workbench& bench) {
  const harness::SubjectRow& row = bench.elsewhere() ? bench.subject_row() : find_subject(bench.subjects(), "engine");
  const auto subject = bench.open_subject(row);
  if (const std::string why = subject->why_not(harness::Ability::generate); !why.empty()) return skipped(why);
  Result result;
  const PipelineFacts facts = run_pipeline(*subject, bench);
  const SubjectInfo info = subject->describe();
  const bool marked = row.mock || info.mock || says_mock(info.name) || any_kernel_says_mock(info);
  add(result, "real_is_unmarked", marked ? 0 : 1);
  add(result, "real_ran_kernels", info.kernels.empty() ? 0 : 1);
  add(result, "generated_tokens", static_cast<double>(facts.generation.ids.size()));
  result.details["subject"] = harness::to_json(info);
  result.details["compute_path"] = compute_path(info);
  return result;
}

Result check_mock_subject(Workbench& bench) {
  const harness::SubjectRow& row = find_subject(bench.subjects(), "mock");
  const auto subject = bench.open_subject(row);
  Result result;
  const PipelineFacts facts = run_pipeline(*subject, bench);
  const SubjectInfo info = subject->describe();
  add(result, "mock_is_marked", row.mock && info.mock && says_mock(info.name) ? 1 : 0);
  add(result, "mock_compute_path", compute_path(info) == "mock" ? 1 : 0);
  add(result, "generated_tokens", static_cast<double>(facts.generation.ids.size()));
  add(result, "needs_allow_mock", mock_needs_permission() ? 1 : 0);
  result.details["subject"] = harness::to_json(info);
  result.details["compute_path"] = compute_path(info);
  return result;
}

}  // namespace bh::suites::acceptance
