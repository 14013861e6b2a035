// AC10: decoding a model too large for the caches uses the machine's memory bandwidth, measured between the samples.
#include <algorithm>

#include "engine/base/error.h"
#include "engine/model/synth.h"
#include "harness/measure/bandwidth.h"
#include "suites/acceptance/cases.h"
#include "suites/acceptance/decode_speed.h"

namespace bh::suites::acceptance {

using engine::Model;
using engine::Session;
using engine::TokenId;
using harness::Result;

namespace {

/// Bytes of weights that one token has to read: every matrix of every layer and the output matrix.
double weight_bytes_per_token(const Model& model) {
  double bytes = static_cast<double>(model.output.bytes.size());
  for (const engine::Matrix* matrix : model.matrices()) {
    if (matrix->name != model.token_embd.name && matrix->name != model.output.name) {
      bytes += static_cast<double>(matrix->bytes.size());
    }
  }
  return bytes;
}

/// Keys and values of `n_past` positions, f16.
double cache_bytes_per_token(const Model& model, std::int32_t n_past) {
  return 4.0 * model.config.n_layer * model.config.kv_dim() * n_past;
}

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
  const auto prompt = some_tokens(*model, bench.count("ac10", "synthetic_context"));
  Result result;
  add(result, "outputs_equal", batch_equals_single(*backend, prompt) ? 1 : 0);

  Session session(*backend, static_cast<std::int32_t>(prompt.size()) + 64);
  const TokenId next = engine::argmax(session.eval(prompt));
  const double bytes = weight_bytes_per_token(*model) + cache_bytes_per_token(*model, session.n_past());
  harness::BandwidthProbe probe(static_cast<std::uint64_t>(bytes), thread_count(bench));
  const auto min_ns = static_cast<std::int64_t>(bench.number("ac10", "sample_seconds") * 1e9);
  std::vector<double> fractions, speeds, bandwidths{probe.sample(min_ns, bench.clock())};
  for (std::int64_t round = 0; round < bench.count("ac10", "rounds"); ++round) {
    speeds.push_back(decode_sample(session, next, min_ns, bench.clock()).tokens_per_second);
    bandwidths.push_back(probe.sample(min_ns, bench.clock()));
    const double roof = 0.5 * (bandwidths[bandwidths.size() - 2] + bandwidths.back());
    fractions.push_back(speeds.back() * bytes / roof);
  }
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
