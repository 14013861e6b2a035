#include "tests/support/made_reports.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/model/counter_random.h"
#include "harness/core/exhibits.h"

namespace bh::test {

using namespace bh::harness;

namespace {

Report blank(const std::string& suite) {
  Report report;
  report.suite = suite;
  report.command_line = "bitharness " + suite;
  report.started_at = "2026-01-02T03:04:05.678Z";
  report.finished_at = "2026-01-02T03:06:17.012Z";
  report.duration_ns = 131'334'000'000;
  Environment& e = report.environment;
  e.bitharness_version = "1.2.3";
  e.git_describe = "v1.2.3-4-gabcdef012345";
  e.build_type = "Release";
  e.compiler = "gcc 12.2.0";
  e.os = "Linux 6.1";
  e.architecture = "x86_64";
  e.cpu_model = "Example CPU 9000";
  e.cpu_features = {"avx2", "avx512_vnni"};
  e.logical_cores = 16;
  e.usable_cores = 16;
  e.memory_bytes = std::uint64_t{64} << 30;
  e.l1d_bytes = 32 << 10;
  e.l2_bytes = 1 << 20;
  e.l3_bytes = 64 << 20;
  e.load_average_1m = 0.25;
  return report;
}

std::vector<double> noisy(double around, double spread, int count, const std::string& stream) {
  const engine::CounterRandom random(1, stream);
  std::vector<double> samples;
  for (int i = 0; i < count; ++i) {
    const double value = around * (1 + spread * static_cast<double>(random.gaussian(static_cast<std::uint64_t>(i))));
    samples.push_back(value);
  }
  return samples;
}

double middle(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2];
}

void add_speed(Report& report, const std::string& name, int depth, double speed) {
  const std::string id = fmt::format("perf/{}/t16/d{}", name, depth);
  report.cases.push_back({id,
                          fmt::format("{} at depth {}", name, depth),
                          {{"n_depth", depth}, {"threads", 16}},
                          "bitharness perf --filter " + id});
  Result result;
  result.case_id = id;
  result.duration_ns = 4'000'000'000;
  const auto samples = noisy(speed, 0.015, 20, id);
  result.metrics = {{"decode_tokens_per_second", "tok/s", middle(samples), samples, ""},
                    {"time_to_first_token_ns", "ns", 4.2e7, noisy(4.2e7, 0.03, 20, id + "/ttft"), ""},
                    {"peak_rss_bytes", "bytes", 1.31e9, {}, ""},
                    {"p99_latency_ns", "ns", {}, {}, "needs 200 samples"}};
  report.results.push_back(std::move(result));
}

void compare(Report& report, const std::string& against, double ratio, Verdict verdict, const std::string& conclusion) {
  Result& result = report.results.back();
  Comparison c;
  c.kind = against == "bitnet.cpp" ? "reference" : "baseline";
  c.candidate = "engine";
  c.against = against;
  c.metric = "decode_tokens_per_second";
  c.unit = "tok/s";
  c.pairs = noisy(ratio, 0.02, 20, result.case_id + against);
  c.ratio = middle(c.pairs);
  c.candidate_value = result.metrics[0].value;
  c.against_value = *result.metrics[0].value / *c.ratio;
  c.low = *c.ratio * 0.988;
  c.high = *c.ratio * 1.013;
  c.noise_low = 0.991;
  c.noise_high = 1.008;
  c.margin = 0.05;
  c.conclusion = conclusion;
  add_exhibit(result, c);
  if (verdict == Verdict::passed) return;
  result.verdict = verdict;
  result.reason = fmt::format("{:.1f} % slower than {}", (1 - *c.ratio) * 100, against);
}

}  // namespace

Report report_with_every_verdict() {
  Report report = blank("fake");
  for (const Verdict verdict : kVerdicts) {
    const std::string id = "fake/" + std::string(to_string(verdict));
    report.cases.push_back({id, "A title", {}, "bitharness fake --filter " + id});
    Result result;
    result.case_id = id;
    result.verdict = verdict;
    result.reason = verdict == Verdict::passed ? "" : "because of " + std::string(to_string(verdict));
    result.metrics = {{"speed", "tok/s", 12.5, {}, ""}};
    report.results.push_back(result);
  }
  report.expectations = {{"fake/failed", "speed", 15.0, std::nullopt, "criteria", true, Verdict::failed}};
  report.outcome = {1, {"fake/failed failed"}};
  return report;
}

Report made_perf_report() {
  Report report = blank("perf");
  report.subject = {{"name", "engine"}, {"mock", false}, {"backend", "cpu, avx512_vnni, 16 threads"}};
  report.notes = {{"model", {{"name", "2b4t"}, {"format", "i2_s"}, {"layers", 30}, {"bytes", 1187801280}}},
                  {"method", {{"prompts", 3}, {"warm_up", 2}, {"seed", 42}, {"numerics", "one_answer"}}}};
  for (const int depth : {0, 512, 1024, 2048, 4096}) {
    add_speed(report, "decode/2b4t-i2_s", depth, 31.0 - 0.0022 * depth);
    if (depth == 0) compare(report, "bitnet.cpp", 1.18, Verdict::passed, "pass");
    if (depth == 1024) compare(report, "bitnet.cpp", 0.985, Verdict::passed, "inconclusive");
    add_speed(report, "decode/2b4t-f16", depth, 13.0 - 0.0011 * depth);
    if (depth == 0) compare(report, "baselines/example/perf.json", 0.91, Verdict::regressed, "fail");
  }
  report.expectations = {{"perf/decode/2b4t-i2_s/t16/d0", "decode_tokens_per_second", 15.0, std::nullopt,
                          "criteria.json profile 2b, AC10", true, Verdict::failed}};
  report.outcome = {1, {"perf/decode/2b4t-f16/t16/d0 regressed: slower than its baseline"}};
  return report;
}

Report made_crossval_report() {
  Report report = blank("crossval");
  const std::string trace = "crossval/trace/genesis", greedy = "crossval/greedy";
  report.cases = {{trace, "op by op with the reference's inputs", {}, "bitharness crossval --filter " + trace},
                  {greedy, "free-running greedy text", {}, "bitharness crossval --filter " + greedy}};
  Result layers;
  layers.case_id = trace;
  layers.verdict = Verdict::failed;
  layers.reason = "layer 17 ffn_down leaves tolerance";
  const engine::CounterRandom random(1, trace);
  for (std::uint64_t layer = 0; layer < 30; ++layer) {
    for (const char* op : {"attn_norm", "qkv", "attn_out", "ffn_norm", "ffn_up", "ffn_down"}) {
      const double scale = 1 + static_cast<double>(random.uniform(layer * 8 + static_cast<unsigned char>(op[0])));
      const bool broken = layer == 17 && std::string(op) == "ffn_down";
      const bool exact = std::string(op) == "attn_norm";
      add_exhibit(
          layers,
          LayerError{static_cast<std::int64_t>(layer), op,
                     exact ? 0 : (broken ? 3e-3 : 4e-8 * scale * (1 + 0.2 * static_cast<double>(layer))), 1e-5});
    }
  }
  add_exhibit(layers, LayerError{-1, "output_norm", 2e-7, 1e-5});
  Result text;
  text.case_id = greedy;
  text.metrics = {{"tokens_equal", "", 0.972, {}, ""}};
  add_exhibit(text, Divergence{"In the beginning", 41, 0.012, 0.05, " and", " that"});
  add_exhibit(text, Divergence{"The LORD is my", 88, 0.21, 0.05, " shepherd", " rock"});
  text.details["prompts"] = json::array{json::object{{"prompt", "In the beginning"}, {"cosine", 0.99998}, {"kl", 1e-6}},
                                        json::object{{"prompt", "The LORD is my"}, {"cosine", 0.9997}, {"kl", 2e-5}}};
  report.results = {layers, text};
  report.outcome = {1, {trace + " failed: layer 17 ffn_down leaves tolerance"}};
  return report;
}

std::vector<Report> made_history() {
  std::vector<Report> runs;
  for (const double speed : {1.0, 1.02, 1.08, 1.15, 1.14, 1.01}) {
    Report run = made_perf_report();
    run.started_at = fmt::format("2026-0{}-02T03:04:05.678Z", runs.size() + 1);
    for (Result& result : run.results) {
      Metric& metric = result.metrics[0];
      *metric.value *= speed;
      for (double& sample : metric.samples) sample *= speed;
      result.verdict =
          runs.size() == 5 && result.case_id.find("i2_s") != std::string::npos ? Verdict::regressed : Verdict::passed;
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

}  // namespace bh::test
