// AC10: memory is bounded, and the speeds of this model, which the profiles 2b, 3b and gpu put bounds on. Neighbour:
// ac10_bandwidth.cpp, what decoding makes of the machine.
#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "harness/measure/memory.h"
#include "suites/acceptance/cases.h"
#include "suites/acceptance/decode_speed.h"

namespace bh::suites::acceptance {

using engine::Backend;
using engine::Model;
using engine::Session;
using engine::TokenId;
using harness::Result;

namespace {

/// Prompt and decode speed of a model on a backend, medians over rounds.
void add_speed(Result& result, Workbench& bench, Backend& backend) {
  const Model& model = backend.model();
  const auto prompt = harness::some_tokens(
      model.config.n_vocab, std::min<std::int64_t>(bench.count("ac10", "prompt_tokens"), model.config.n_ctx / 2));
  Session session(backend, std::min<std::int32_t>(model.config.n_ctx, 1024));
  const auto min_ns = static_cast<std::int64_t>(bench.number("ac10", "sample_seconds") * 1e9);
  std::vector<double> prefill, first, decode, token;
  for (std::int64_t round = 0; round < bench.count("ac10", "rounds"); ++round) {
    session.rewind(0);
    const std::int64_t start = bench.clock().steady_ns();
    const TokenId next = engine::argmax(session.eval(prompt));
    const auto ns = static_cast<double>(std::max<std::int64_t>(bench.clock().steady_ns() - start, 1));
    prefill.push_back(static_cast<double>(prompt.size()) * 1e9 / ns);
    const std::int64_t before = bench.clock().steady_ns();
    static_cast<void>(session.eval({&next, 1}));
    first.push_back(static_cast<double>(bench.clock().steady_ns() - before) * 1e-6);
    const DecodeSample sample = decode_sample(session, next, min_ns, bench.clock());
    decode.push_back(sample.tokens_per_second);
    token.push_back(sample.token_ms);
  }
  add_samples(result, "prefill_tokens_per_second", median(prefill), "tok/s", prefill);
  add_samples(result, "decode_tokens_per_second", median(decode), "tok/s", decode);
  add_samples(result, "first_token_ms", median(first), "ms", first);
  add_samples(result, "token_ms", median(token), "ms", token);
  result.details["backend"] = backend.describe();
  result.details["prompt_tokens"] = prompt.size();
}

/// What a subject elsewhere says of its own speed, by its own clock.
Result time_subject(Workbench& bench) {
  if (const std::string why = bench.why_not({harness::Ability::timing}); !why.empty()) return skipped(why);
  harness::Subject& subject = bench.tested();
  const harness::TimingRequest request{subject.tokenize(bench.prompts().front(), {}), 16, false};
  const auto expected = subject.time(request).ids;  // also warms it up
  std::vector<double> prefill, decode;
  bool equal = true;
  for (std::int64_t round = 0; round < bench.count("ac10", "rounds"); ++round) {
    const harness::Timing timing = subject.time(request);
    equal = equal && timing.ids == expected;
    const auto rate = [](std::size_t tokens, std::int64_t ns) {
      return static_cast<double>(tokens) * 1e9 / static_cast<double>(std::max<std::int64_t>(ns, 1));
    };
    prefill.push_back(rate(request.prompt.size(), timing.prefill_ns));
    decode.push_back(rate(timing.ids.size() - 1, timing.decode_ns));
  }
  Result result;
  add(result, "outputs_equal", equal ? 1 : 0);
  add_samples(result, "prefill_tokens_per_second", median(prefill), "tok/s", prefill);
  add_samples(result, "decode_tokens_per_second", median(decode), "tok/s", decode);
  result.details["prompt_tokens"] = request.prompt.size();
  return result;
}

}  // namespace

Result check_memory(Workbench& bench) {
  if (const std::string why = why_not_measured(); !why.empty()) return skipped(why);
  if (!harness::reset_peak_memory()) return skipped("this system does not let a process reset its peak of memory");
  const std::uint64_t before = harness::read_memory().resident_bytes;
  double file = 0, cache = 0;
  {
    const auto model = engine::load_model(bench.model_path());
    const auto backend = bench.load_backend(model);
    Session session(*backend);
    const auto prompt = harness::some_tokens(
        model->config.n_vocab, std::min<std::int64_t>(bench.count("ac10", "prompt_tokens"), session.n_ctx() / 2));
    TokenId token = engine::argmax(session.eval(prompt));
    for (int i = 0; i < 8; ++i) token = engine::argmax(session.eval({&token, 1}));
    file = static_cast<double>(model->source.file_bytes);
    cache = static_cast<double>(session.kv_bytes());
  }
  const std::uint64_t peak = harness::read_memory().peak_bytes;
  const auto used = static_cast<double>(peak - std::min(peak, before));
  const double allowed =
      bench.number("ac10", "memory_per_file_byte") * file + cache + bench.number("ac10", "memory_overhead_bytes");
  Result result;
  add(result, "peak_over_allowed", used / allowed);
  add(result, "peak_bytes", used, "bytes");
  add(result, "allowed_bytes", allowed, "bytes");
  add(result, "file_bytes", file, "bytes");
  add(result, "kv_cache_bytes", cache, "bytes");
  return result;
}

Result check_own_speed(Workbench& bench) {
  if (bench.elsewhere()) return time_subject(bench);
  if (const std::string why = why_not_measured(); !why.empty()) return skipped(why);
  Result result;
  add(result, "outputs_equal",
      batch_equals_single(bench.backend(), harness::some_tokens(bench.model()->config.n_vocab, 5)) ? 1 : 0);
  add_speed(result, bench, bench.backend());
  add(result, "process_peak_bytes", static_cast<double>(harness::read_memory().peak_bytes), "bytes");
  return result;
}

Result check_gpu_speed(Workbench& bench) {
  std::string reasons;
  for (const engine::Device& device : engine::devices()) {
    if (device.name == "cpu") continue;
    const std::string reason = device.why_unusable();
    if (!reason.empty()) {
      reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", device.name, reason);
      continue;
    }
    const auto backend = device.load(bench.model(), bench.backend_options());
    Result result;
    add(result, "outputs_equal",
        batch_equals_single(*backend, harness::some_tokens(bench.model()->config.n_vocab, 5)) ? 1 : 0);
    add_speed(result, bench, *backend);
    const Session session(*backend);
    add(result, "gpu_bytes", static_cast<double>(backend->weight_bytes() + session.kv_bytes()), "bytes");
    return result;
  }
  return skipped(reasons.empty() ? "this build has no GPU device" : reasons);
}

}  // namespace bh::suites::acceptance
