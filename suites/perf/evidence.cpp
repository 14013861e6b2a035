#include "suites/perf/evidence.h"

#include <algorithm>

#include "harness/judge/receipt_evidence.h"
#include "suites/perf/own_cases.h"

namespace bh::suites::perf {

using engine::KernelCount;

namespace {

constexpr std::size_t kMostLogits = std::size_t{64} << 20;

std::vector<KernelCount> counted_since(const std::vector<KernelCount>& before, std::vector<KernelCount> now) {
  for (KernelCount& kernel : now) {
    for (const KernelCount& earlier : before) {
      if (earlier.name == kernel.name) kernel.count -= earlier.count;
    }
  }
  now.erase(std::remove_if(now.begin(), now.end(), [](const KernelCount& kernel) { return kernel.count == 0; }),
            now.end());
  return now;
}

std::optional<double> value_of(const harness::Result& result, std::string_view name) {
  const harness::Metric* metric = result.find_metric(name);
  return metric == nullptr ? std::nullopt : metric->value;
}

}  // namespace

void gather_evidence(Bench& bench, const Spec& spec, harness::Subject& subject, harness::Result& result) {
  const harness::SubjectInfo before = subject.describe();
  const Work work = work_of(spec, before.n_vocab);
  const std::size_t positions = work.prompt.size() + static_cast<std::size_t>(work.decode_tokens);
  if (positions * static_cast<std::size_t>(before.n_vocab) * sizeof(float) > kMostLogits) return;

  const engine::Generation generation = subject.generate(work.prompt, greedy_options(work));
  const harness::TimedRun run{work.prompt, generation.ids, generation.prefill_ns, generation.decode_ns,
                              counted_since(before.kernels, subject.describe().kernels)};
  harness::EvidenceFacts facts;
  facts.model = &bench.model(spec);
  facts.model_sha256 = bench.model_sha256(spec);
  facts.requested_device = bench.options().text("device");
  facts.device = engine::find_device(facts.requested_device).name;
  facts.bytes_per_token = value_of(result, "bytes_per_token");
  facts.read_bytes_per_second = value_of(result, "read_bytes_per_second");
  harness::ReceiptEvidence evidence = harness::gather_evidence(subject, run, facts);
  harness::add_choices(result, evidence);
  bench.receipt_note = std::move(evidence.note);
}

}  // namespace bh::suites::perf
