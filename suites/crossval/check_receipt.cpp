// What the run's receipt is made of: one timed greedy generation of our engine with the kernels counted in it, and the
// logits of the same tokens. What was found beside the reference is added to it in crossval.cpp.
#include "harness/judge/receipt_evidence.h"
#include "suites/crossval/checks.h"
#include "suites/subjects/engine_subject.h"

namespace bh::suites::crossval {

harness::Result check_receipt(Bench& bench, Lane& lane) {
  harness::Result result;
  result.details["reference"] = lane.name();  // a receipt of a comparison needs something to compare with
  harness::SubjectSettings settings;
  settings.model = bench.model_path();
  settings.device = bench.options().text("device");
  settings.kernel = bench.options().text("kernel");
  settings.pre_tokenizer = bench.options().text("pre");
  settings.threads = static_cast<int>(bench.options().integer_or("threads", 0));
  EngineSubject subject(settings);  // of its own, so that its kernels are counted from nothing
  const auto prompt = subject.tokenize(bench.prompts().front(), {});
  const std::int32_t tokens = bench.greedy_tokens();
  if (prompt.empty() || static_cast<std::int64_t>(prompt.size()) + tokens > subject.describe().n_ctx) {
    return harness::skipped("the first prompt and its continuation do not fit into the model's context");
  }
  harness::Timing timing = subject.time({prompt, tokens, false});
  harness::EvidenceFacts facts;
  facts.model = &subject.model();
  facts.model_sha256 = bench.model_sha256();
  facts.requested_device = settings.device;
  facts.device = engine::find_device(settings.device).name;
  const harness::TimedRun run{prompt, std::move(timing.ids), timing.prefill_ns, timing.decode_ns,
                              subject.describe().kernels};
  harness::ReceiptEvidence evidence = harness::gather_evidence(subject, run, facts);
  add(result, "first_choice_share", evidence.agree_share);
  bench.receipt_note = std::move(evidence.note);
  return result;
}

}  // namespace bh::suites::crossval
