#include "suites/acceptance/pipeline.h"

#include "engine/base/error.h"

namespace bh::suites::acceptance {
namespace {

double per_second(std::size_t count, std::int64_t ns) {
  return static_cast<double>(count) * 1e9 / static_cast<double>(std::max<std::int64_t>(ns, 1));
}

}  // namespace

PipelineFacts run_pipeline(harness::Subject& subject, Workbench& bench) {
  const auto now = bench.clock().steady_ns;
  const std::string prompt = bench.prompts().front();
  PipelineFacts facts;
  std::int64_t start = now();
  facts.prompt_ids = subject.tokenize(prompt, {});
  facts.tokenize_ns = now() - start;

  engine::GenerateOptions options;
  options.max_tokens = static_cast<std::int32_t>(bench.count("ac3", "max_tokens"));
  options.ignore_eog = true;
  options.sampling.temperature = 0;
  facts.generation = subject.generate(facts.prompt_ids, options);

  start = now();
  facts.detokenized = subject.detokenize(facts.generation.ids);
  facts.detokenize_ns = now() - start;
  facts.prompt_again = subject.detokenize(facts.prompt_ids);
  return facts;
}

void add_metrics(harness::Result& result, const PipelineFacts& facts, std::int64_t open_ns) {
  const engine::Generation& generation = facts.generation;
  const auto ms = [](std::int64_t ns) { return static_cast<double>(ns) * 1e-6; };
  add(result, "load_ms", ms(open_ns), "ms");
  add(result, "tokenize_ms", ms(facts.tokenize_ns), "ms");
  add(result, "prompt_tokens", static_cast<double>(facts.prompt_ids.size()));
  add(result, "prefill_tokens_per_second", per_second(facts.prompt_ids.size(), generation.prefill_ns), "tok/s");
  add(result, "generated_tokens", static_cast<double>(generation.ids.size()));
  add(result, "detokenize_ms", ms(facts.detokenize_ns), "ms");
  add(result, "text_bytes", static_cast<double>(facts.detokenized.size()), "bytes");
  std::vector<double> steps;
  for (const std::int64_t ns : generation.step_ns) steps.push_back(ms(ns));
  const std::size_t decoded = generation.ids.empty() ? 0 : generation.ids.size() - 1;  // the first is prefill's
  if (steps.empty() && decoded > 0 && generation.decode_ns > 0) {
    // A subject elsewhere may time its steps together only.
    add(result, "decode_tokens_per_second", per_second(decoded, generation.decode_ns), "tok/s");
    add(result, "inter_token_ms", ms(generation.decode_ns) / static_cast<double>(decoded), "ms");
  } else if (steps.empty()) {
    add_missing(result, "decode_tokens_per_second", "tok/s", "no decode step ran");
    add_missing(result, "inter_token_ms", "ms", "no decode step ran");
  } else {
    add(result, "decode_tokens_per_second", per_second(steps.size(), generation.decode_ns), "tok/s");
    add_samples(result, "inter_token_ms", median(steps), "ms", steps);
  }
  add(result, "first_token_ms", ms(facts.tokenize_ns + generation.prefill_ns), "ms");
  result.details["text"] = facts.detokenized;
  result.details["stop_reason"] = std::string(engine::to_string(generation.stop_reason));
}

std::string compute_path(const harness::SubjectInfo& info) { return info.mock ? "mock" : "real"; }

void check_mock_permission(std::string_view subject, bool allow_mock, bool real_model) {
  const bool mock = subject == "mock";
  if (real_model && (mock || allow_mock)) {
    fail(ErrorKind::usage, "--real-model excludes {}", mock ? "--subject mock" : "--allow-mock");
  }
  if (mock && !allow_mock) {
    fail(ErrorKind::usage, "--subject mock says nothing about a real model: add --allow-mock if that is what you want");
  }
}

bool mock_needs_permission() {
  try {
    check_mock_permission("mock", false, false);
  } catch (const Error& error) {
    return error.kind() == ErrorKind::usage;
  }
  return false;
}

}  // namespace bh::suites::acceptance
