#include "harness/measure/workload.h"

#include "engine/model/synth.h"
#include "harness/measure/cpu_time.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::harness;

TEST_CASE("bytes per token are those of the weights that a token meets, and of the cache behind it") {
  engine::SynthOptions options;
  const auto model = engine::make_synth_model(options);
  double expected = static_cast<double>(model->config.n_vocab) * model->config.n_embd * 2;  // the output matrix, f16
  expected += model->config.n_embd * 2.0;                                                   // a row of the embedding
  expected += model->config.n_embd * 4.0;                                                   // the last norm
  for (const engine::Layer& layer : model->layers) {
    for (const engine::Matrix* matrix : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      expected += static_cast<double>(matrix->bytes.size());
    }
    expected += 4.0 * (2 * model->config.n_embd + model->config.q_dim() + model->config.n_ff);
  }
  CHECK(weight_bytes_per_token(*model) == expected);
  // Keys and values, two bytes each, in every layer.
  CHECK(cache_bytes_per_token(model->config, 10) == 2.0 * 2 * model->config.n_layer * model->config.kv_dim() * 10);
}

TEST_CASE("the roof of a sample is the mean of the bandwidths read before and after it") {
  std::int64_t now = 0;
  const Clock clock{[&] { return now += 50'000'000; }, {}};
  BandwidthProbe probe(1 << 20, 1);
  const RoofSamples samples =
      sample_against_roof([&] { return 100.0; }, 1e6, probe, 100'000'000, clock,
                          [](const RoofSamples& so_far) { return so_far.fractions.size() == 3; });
  REQUIRE(samples.fractions.size() == 3);
  REQUIRE(samples.read_bytes_per_second.size() == 6);
  for (std::size_t i = 0; i < 3; ++i) {
    const double roof = 0.5 * (samples.read_bytes_per_second[2 * i] + samples.read_bytes_per_second[2 * i + 1]);
    CHECK(samples.fractions[i] == Approx(100.0 * 1e6 / roof));
  }
}

TEST_CASE("foreign load is what was busy without us") {
  const CpuTime before{1000, 500, 0, 100};
  const CpuTime after{1200, 550, 10, 160};
  const auto shares = cpu_shares(before, after);
  REQUIRE(shares);
  CHECK(shares->foreign == Approx(80.0 / 200));  // 150 busy, 10 of them stolen, 60 ours
  CHECK(shares->steal == Approx(10.0 / 200));
  CHECK_FALSE(cpu_shares(before, before));
  CHECK(read_cpu_time().total > 0);
}
