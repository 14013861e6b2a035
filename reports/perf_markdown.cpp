// PERF_COMPARISON.md: what was measured, how, on what, and against what.
#include <fmt/format.h>

#include <algorithm>

#include "harness/core/report_json.h"
#include "reports/detail_tables.h"
#include "reports/findings.h"
#include "reports/markdown_text.h"
#include "reports/render.h"
#include "reports/sample_summary.h"
#include "reports/scale.h"

namespace bh::reports {

namespace {

using harness::Report;
using harness::Result;

const json::object* object_of(const json::object& parent, std::string_view key) {
  const json::value* value = find(parent, key);
  return value != nullptr && value->is_object() ? &value->get_object() : nullptr;
}

std::string method_box(const Report& report) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, value] : environment_rows(report)) rows.push_back({name, value});
  for (const auto& note : report.notes) {
    const bool other_section = note.key() == "model" || note.key() == "models" || note.value().is_array();
    if (other_section) continue;
    for (auto& row : plain_members({{note.key(), note.value()}})) rows.push_back(std::move(row));
  }
  for (const auto& option : report.options) {
    if (option.values.empty() || option.source == harness::OptionSource::default_value) continue;
    std::string values;
    for (const auto& value : option.values) values += (values.empty() ? "" : ", ") + value;
    rows.push_back({"--" + option.name, fmt::format("{} ({})", values, to_string(option.source))});
  }
  return "## Environment and method\n\n" + md_table({"", ""}, rows) + "\n";
}

/// Notes["models"] by name, or notes["model"], or what the subject says of itself.
std::string model_information(const Report& report) {
  std::string out;
  if (const auto* models = object_of(report.notes, "models")) {
    for (const auto& model : *models) {
      if (!model.value().is_object()) continue;
      out += fmt::format("### {}\n\n{}\n", md_escaped(std::string_view(model.key())),
                         md_table({"", ""}, plain_members(model.value().get_object())));
    }
  } else {
    const auto* model = object_of(report.notes, "model");
    const auto rows = plain_members(model != nullptr ? *model : report.subject);
    if (!rows.empty()) out += md_table({"", ""}, rows) + "\n";
  }
  return out.empty() ? out : "## Model information\n\n" + out;
}

/// One line per case that has a speed, as users of llama-bench know it; formats stand below each other.
std::string overview(const Report& report) {
  std::vector<std::vector<std::string>> rows;
  for (const Result& result : report.results) {
    const auto* item = report.find_case(result.case_id);
    const auto speed = std::find_if(result.metrics.begin(), result.metrics.end(),
                                    [](const auto& metric) { return metric.unit == "tok/s" && metric.value; });
    if (speed == result.metrics.end() || item == nullptr) continue;
    const auto param = [&](std::string_view name) {
      const json::value* value = find(item->params, name);
      return value == nullptr ? std::string() : plain_text(*value);
    };
    const auto* fraction = result.find_metric("bandwidth_fraction");
    const std::string deviation = short_number(summarize(speed->samples).stddev, 2);
    rows.push_back({param("model"), param("rival"), param("threads"),
                    param("label").empty() ? case_label(report, result.case_id) : param("label"), speed->name,
                    fmt::format("{} \xc2\xb1 {}", short_number(*speed->value, 4), deviation),
                    fraction == nullptr || !fraction->value ? std::string() : short_number(*fraction->value, 3),
                    std::string(to_string(result.verdict))});
  }
  if (rows.empty()) return "";
  return "## Overview\n\n" +
         md_table({"Model", "Beside", "Threads", "Test", "Metric", "tok/s", "Bandwidth fraction", "Verdict"}, rows) +
         "\n";
}

std::string measured(const Report& report, const Result& result) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& metric : result.metrics) {
    const ReadableUnit unit = readable_unit(metric.unit, summarize(metric.samples).median);
    std::vector<double> samples = metric.samples;
    for (double& sample : samples) sample *= unit.factor;
    const SampleSummary s = summarize(samples);
    if (s.count == 0) {
      rows.push_back({metric.name, format_metric(metric), "", "", "", ""});
    } else {
      rows.push_back({metric.name + (unit.name.empty() ? "" : ", " + unit.name), short_number(s.median, 5),
                      short_number(s.p95, 5), short_number(s.min, 5), short_number(s.max, 5),
                      short_number(s.stddev, 3)});
    }
  }
  std::string out =
      fmt::format("### {}: {}\n\n", md_escaped(case_label(report, result.case_id)), to_string(result.verdict));
  if (!result.reason.empty()) out += md_escaped(result.reason) + "\n\n";
  if (!rows.empty()) out += md_table({"Metric", "Median", "P95", "Min", "Max", "StdDev"}, rows) + "\n";
  std::string plots;
  for (const auto& metric : result.metrics) {
    const std::string histogram = text_histogram(metric.samples, 40);
    if (summarize(metric.samples).count < 5) continue;
    plots += fmt::format("{}{}, {}\n{}", plots.empty() ? "" : "\n", metric.name, metric.unit, histogram);
  }
  if (!plots.empty()) out += md_collapsed("Samples", md_fenced(plots, "text")) + "\n";
  if (const auto* item = report.find_case(result.case_id); item != nullptr && !item->repro.empty()) {
    out += md_fenced(item->repro, "sh") + "\n";
  }
  return out;
}

std::string validation(const Report& report) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& wanted : report.expectations) {
    std::string status = "did not run", value, details;
    for (const Result& result : report.results) {
      if (result.case_id != wanted.case_id) continue;
      const auto* metric = result.find_metric(wanted.metric);
      const bool inside = metric != nullptr && metric->value && !(wanted.min && *metric->value < *wanted.min) &&
                          !(wanted.max && *metric->value > *wanted.max);
      status = wanted.metric.empty() ? std::string(to_string(result.verdict))
               : metric == nullptr || !metric->value
                   ? "no value"
                   : (inside ? "passed" : std::string(to_string(wanted.on_violation)));
      value = metric == nullptr ? std::string() : format_metric(*metric);
      details = result.reason;
    }
    rows.push_back({case_label(report, wanted.case_id) + (wanted.metric.empty() ? "" : ": " + wanted.metric), status,
                    value, describe_bounds(wanted), wanted.source + (details.empty() ? "" : ". " + details)});
  }
  if (rows.empty()) return "";
  return "## Validation\n\n" + md_table({"Check", "Status", "Value", "Threshold", "Details"}, rows) + "\n";
}

/// The record with samples that nobody would read here counted instead of listed.
json::object readable_record(Report report) {
  constexpr std::size_t kMostSamples = 200;
  for (harness::Result& result : report.results) {
    for (harness::Metric& metric : result.metrics) {
      if (metric.samples.size() <= kMostSamples) continue;
      metric.note += fmt::format("{}{} samples in run.json", metric.note.empty() ? "" : "; ", metric.samples.size());
      metric.samples.clear();
    }
  }
  return harness::to_json(report);
}

}  // namespace

std::string render_perf_markdown(const Report& report, const harness::WriterStyle& style) {
  std::string out =
      md_intro(report, "Performance comparison") + overview(report) + method_box(report) + model_information(report);
  for (const DetailTable& table : find_tables(report.notes)) {
    out += fmt::format("## {}\n\n{}\n", md_escaped(table.title), md_table(table.head, table.rows));
  }
  out += md_comparisons(report) + validation(report) + "## Measurements\n\n";
  for (const Result& result : report.results) out += measured(report, result);
  out += "## Raw data\n\n" +
         md_collapsed("run.json, without the longest lists of samples", md_json(readable_record(report))) + "\n";
  return out + md_footer(report, style);
}

}  // namespace bh::reports
