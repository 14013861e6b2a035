// llama-bench's JSON Lines (`llama-bench -o jsonl`), one line for each prefill and decode case of a perf run, so that
// tools which read that format read ours. Fields it has and we know; test_time is when the run started.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/json.h"
#include "harness/core/statistics.h"
#include "harness/core/text.h"
#include "reports/render.h"

namespace bh::reports {

namespace {

using harness::Case;
using harness::Metric;
using harness::Report;
using harness::Result;

std::int64_t integer_of(const json::object& object, std::string_view key) {
  const json::value* value = find(object, key);
  return value != nullptr && value->is_number() ? value->to_number<std::int64_t>() : 0;
}

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = find(object, key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

json::object model_of(const Report& report, const std::string& name) {
  const json::value* models = find(report.notes, "models");
  if (models == nullptr || !models->is_object()) return {};
  const json::value* model = find(models->get_object(), name);
  return model != nullptr && model->is_object() ? model->get_object() : json::object();
}

std::string line_of(const Report& report, const Case& item, const Metric& speed) {
  const json::object model = model_of(report, text_of(item.params, "model"));
  const std::int64_t n_prompt = integer_of(item.params, "n_prompt"), n_gen = integer_of(item.params, "n_gen");
  const auto tokens = static_cast<double>(n_prompt + n_gen);
  std::vector<double> ns;
  for (const double sample : speed.samples) ns.push_back(std::round(tokens / sample * 1e9));
  const std::string device = text_of(report.notes, "device");
  const char* cache_type = device.find(".kv_int8") != std::string::npos ? "int8" : "f16";
  const auto whole = [](double value) { return static_cast<std::int64_t>(std::llround(value)); };
  json::array samples_ns, samples_ts;
  for (const double value : ns) samples_ns.push_back(whole(value));
  for (const double value : speed.samples) samples_ts.push_back(value);
  json::value line =
      json::object{{"build_commit", report.environment.git_describe},
                   {"build_number", 0},
                   {"cpu_info", report.environment.cpu_model},
                   {"gpu_info", ""},
                   {"backends", device},
                   {"model_filename", text_of(model, "path")},
                   {"model_type", fmt::format("{} {}", text_of(model, "architecture"), text_of(model, "weights_type"))},
                   {"model_size", integer_of(model, "file_bytes")},
                   {"model_n_params", integer_of(model, "n_params")},
                   {"n_batch", integer_of(item.params, "n_ubatch")},
                   {"n_ubatch", integer_of(item.params, "n_ubatch")},
                   {"n_threads", integer_of(item.params, "threads")},
                   {"type_k", cache_type},
                   {"type_v", cache_type},
                   {"n_gpu_layers", 0},
                   {"n_prompt", n_prompt},
                   {"n_gen", n_gen},
                   {"n_depth", integer_of(item.params, "n_depth")},
                   {"test_time", report.started_at},
                   {"avg_ns", whole(harness::mean(ns))},
                   {"stddev_ns", whole(harness::standard_deviation(ns))},
                   {"avg_ts", harness::mean(speed.samples)},
                   {"stddev_ts", harness::standard_deviation(speed.samples)},
                   {"samples_ns", std::move(samples_ns)},
                   {"samples_ts", std::move(samples_ts)}};
  harness::make_valid_utf8(line);
  return write_json_line(line) + "\n";
}

}  // namespace

std::string render_llama_bench(const Report& report, const harness::WriterStyle&) {
  std::string lines;
  for (const Result& result : report.results) {
    const Case* item = report.find_case(result.case_id);
    if (item == nullptr) continue;
    for (const char* name : {"prefill_tokens_per_second", "decode_tokens_per_second"}) {
      const Metric* speed = result.find_metric(name);
      const bool sound = speed != nullptr && !speed->samples.empty() &&
                         *std::min_element(speed->samples.begin(), speed->samples.end()) > 0;
      if (sound) lines += line_of(report, *item, *speed);
    }
  }
  return lines;
}

}  // namespace bh::reports
