// AC3: load, tokenize, prefill, decode, detokenize; every number of it is there, finite and positive. What it shows is
// the evidence of the run's receipt: the timed generation, and then the full logits of the same tokens.
#include <algorithm>

#include "harness/judge/receipt_evidence.h"
#include "harness/measure/workload.h"
#include "suites/acceptance/cases.h"
#include "suites/acceptance/pipeline.h"

namespace bh::suites::acceptance {

namespace {

constexpr std::int64_t kProbeNs = 5'000'000;
constexpr int kProbes = 40;

harness::EvidenceFacts evidence_facts(Workbench& bench, const PipelineFacts& pipeline) {
  harness::EvidenceFacts facts;
  facts.requested_device = bench.device();
  if (bench.mock_run()) return facts;
  facts.device = engine::find_device(bench.device()).name;
  facts.model = bench.model().get();
  facts.model_sha256 = bench.model_sha256();
  if (facts.device != "cpu" || !harness::why_not_measured().empty()) return facts;
  const auto n_past = static_cast<double>(pipeline.prompt_ids.size() + pipeline.generation.ids.size() / 2);
  facts.bytes_per_token =
      harness::weight_bytes_per_token(*facts.model) + harness::cache_bytes_per_token(facts.model->config, n_past);
  harness::BandwidthProbe probe(static_cast<std::uint64_t>(*facts.bytes_per_token),
                                static_cast<int>(bench.options().integer_or("threads", 0)));
  // The best of many short ones: what decoding is held against must not be slow because something else ran.
  facts.read_bytes_per_second = 0;
  for (int i = 0; i < kProbes; ++i) {
    facts.read_bytes_per_second = std::max(*facts.read_bytes_per_second, probe.sample(kProbeNs, bench.clock()));
  }
  return facts;
}

void add_violations(harness::Result& result, Workbench& bench, const harness::SubjectInfo& info) {
  if (info.mock) {
    result.violations.push_back({"mock", "", "", "the subject of this run is a mock: nothing of it is real"});
  }
  for (const engine::KernelCount& kernel : info.kernels) {
    if (kernel.name.size() > 7 && kernel.name.compare(kernel.name.size() - 7, 7, ".scalar") == 0) {
      const std::string device(engine::find_device(bench.device()).name);
      result.violations.push_back({"fallback_kernel", device, "", kernel.name + " ran"});
    }
  }
}

}  // namespace

harness::Result check_pipeline(Workbench& bench) {
  const harness::SubjectRow& row = bench.subject_row();
  const std::int64_t start = bench.clock().steady_ns();
  const auto subject = bench.open_subject(row);
  const std::int64_t open_ns = bench.clock().steady_ns() - start;
  for (const harness::Ability ability : {harness::Ability::generate, harness::Ability::timing}) {
    if (const std::string why = subject->why_not(ability); !why.empty()) return skipped(why);
  }
  const PipelineFacts facts = run_pipeline(*subject, bench);
  harness::Result result;
  add_metrics(result, facts, open_ns);
  // The text that streamed out and the text of the ids are one.
  add(result, "text_is_that_of_the_ids", facts.detokenized == facts.generation.text ? 1 : 0);
  const harness::SubjectInfo info = subject->describe();
  result.details["compute_path"] = compute_path(info);
  result.details["backend"] = info.backend;
  add_violations(result, bench, info);
  if (bench.elsewhere()) return result;  // a receipt vouches for kernels counted here
  const harness::TimedRun run{facts.prompt_ids, facts.generation.ids, facts.generation.prefill_ns,
                              facts.generation.decode_ns, info.kernels};
  auto evidence = harness::gather_evidence(*subject, run, evidence_facts(bench, facts));
  if (info.mock) {
    add(result, "first_choice_share", evidence.agree_share);
  } else {
    harness::add_choices(result, evidence);
  }
  bench.receipt_note = std::move(evidence.note);
  return result;
}

}  // namespace bh::suites::acceptance
