// AC3: load, tokenize, prefill, decode, detokenize; every number of it is there, finite and positive.
#include "suites/acceptance/cases.h"
#include "suites/acceptance/pipeline.h"
#include "suites/subjects/subjects.h"

namespace bh::suites::acceptance {

harness::Result check_pipeline(Workbench& bench) {
  const harness::SubjectRow& row = find_subject(bench.subjects(), bench.mock_run() ? "mock" : "engine");
  const std::int64_t start = bench.clock().steady_ns();
  const auto subject = bench.open_subject(row);
  const std::int64_t open_ns = bench.clock().steady_ns() - start;
  const PipelineFacts facts = run_pipeline(*subject, bench);
  harness::Result result;
  add_metrics(result, facts, open_ns);
  // The text that streamed out and the text of the ids are one.
  add(result, "text_is_that_of_the_ids", facts.detokenized == facts.generation.text ? 1 : 0);
  const harness::SubjectInfo info = subject->describe();
  result.details["compute_path"] = compute_path(info);
  result.details["backend"] = info.backend;
  if (info.mock) {
    result.violations.push_back({"mock", "", "", "the subject of this run is a mock: nothing of it is real"});
  }
  for (const engine::KernelCount& kernel : info.kernels) {
    if (kernel.name.size() > 7 && kernel.name.compare(kernel.name.size() - 7, 7, ".scalar") == 0) {
      result.violations.push_back({"fallback_kernel", bench.device(), "", kernel.name + " ran"});
    }
  }
  return result;
}

}  // namespace bh::suites::acceptance
