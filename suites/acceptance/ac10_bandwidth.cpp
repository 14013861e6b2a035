// AC10: decoding a model too large for the caches uses the machine's memory bandwidth, measured between the samples.
#include <algorithm>

#include "engine/base/error.h"
#include "engine/model/synth.h"
#include "harness/measure/bandwidth.h"
#include "harness/measure/workload.h"
#include "suites/acceptance/cases.h"
#include "suites/acceptance/decode_speed.h"

namespace bh::suites::acceptance {

using engine::Model;
using engine::Session;
using engine::TokenId;
using harness::Result;

namespace {

std::shared_ptr<const Model> large_model(Workbench& bench) {
  engine::SynthOptions options;
  options.preset = "small";
  options.n_layer = static_cast<std::int32_t>(bench.count("ac10", "synthetic_layers"));
  options.n_vocab = static_cast<std::int32_t>(bench.count("ac10", "synthetic_vocabulary"));
  return engine::make_synth_model(options);
}

int thread_count(Workbench& bench) { return static_cast<int>(bench.options().integer_or("threads", 0)); }

}  // namespace

Result check_bandwidth_fraction(Workbench& bench) {
  if (const std::string why = why_not_measured(); !why.empty()) return skipped(why);
  if (engine::find_device(bench.device()).name != "cpu") {
    return skipped("the share of memory bandwidth is measured on the CPU only");
  }
  bench.progress("making a model too large for the caches");
  const auto model = large_model(bench);
  const auto backend = bench.load_backend(model);
  const auto prompt = harness::some_tokens(model->config.n_vocab, bench.count("ac10", "synthetic_context"));
  Result result;
  add(result, "outputs_equal", batch_equals_single(*backend, prompt) ? 1 : 0);

  Session session(*backend, static_cast<std::int32_t>(prompt.size()) + 64);
  const TokenId next = engine::argmax(session.eval(prompt));
  const double bytes =
      harness::weight_bytes_per_token(*model) + harness::cache_bytes_per_token(model->config, session.n_past());
  harness::BandwidthProbe probe(static_cast<std::uint64_t>(bytes), thread_count(bench));
  const auto min_ns = static_cast<std::int64_t>(bench.number("ac10", "sample_seconds") * 1e9);
  const auto rounds = static_cast<std::size_t>(bench.count("ac10", "rounds"));
  const auto [speeds, bandwidths, fractions] = harness::sample_against_roof(
      [&] { return decode_sample(session, next, min_ns, bench.clock()).tokens_per_second; }, bytes, probe, min_ns,
      bench.clock(), [&](const harness::RoofSamples& so_far) { return so_far.fractions.size() >= rounds; });
  const auto [least, most] = std::minmax_element(fractions.begin(), fractions.end());
  const double spread = (*most - *least) / median(fractions);
  add_samples(result, "bandwidth_fraction", median(fractions), "", fractions);
  add_samples(result, "decode_tokens_per_second", median(speeds), "tok/s", speeds);
  add_samples(result, "read_bytes_per_second", median(bandwidths), "bytes/s", bandwidths);
  add(result, "bytes_per_token", bytes, "bytes");
  add(result, "spread", spread);
  result.details["backend"] = backend->describe();
  result.details["probe_threads"] = probe.threads();
  result.details["model"] = fmt::format("made model, preset small with {} layers and a vocabulary of {}",
                                        model->config.n_layer, model->config.n_vocab);
  if (median(fractions) > 1.2) {
    result.violations.push_back({"implausible_speed", "cpu", "", "decoding reads faster than the memory was measured"});
  }
  return result;
}

}  // namespace bh::suites::acceptance
