#include "reports/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/json.h"
#include "harness/core/exit_code.h"
#include "harness/core/text.h"

namespace bh::reports {

using harness::Report;
using harness::Result;
using harness::Verdict;

std::string format_seconds(std::int64_t nanoseconds) {
  const double seconds = static_cast<double>(nanoseconds) * 1e-9;
  if (seconds < 0.0995) return fmt::format("{:.1f} ms", seconds * 1e3);
  return seconds < 100 ? fmt::format("{:.2f} s", seconds) : fmt::format("{:.0f} s", seconds);
}

ReadableUnit readable_unit(std::string_view unit, double typical) {
  const double size = std::abs(typical);
  if (unit == "ns") {
    if (size >= 1e9) return {1e-9, "s"};
    return size >= 1e6 ? ReadableUnit{1e-6, "ms"} : size >= 1e3 ? ReadableUnit{1e-3, "us"} : ReadableUnit{1, "ns"};
  }
  if (unit == "bytes") {
    if (size >= 0x1p30) return {0x1p-30, "GiB"};
    return size >= 0x1p20   ? ReadableUnit{0x1p-20, "MiB"}
           : size >= 0x1p10 ? ReadableUnit{0x1p-10, "KiB"}
                            : ReadableUnit{1, "bytes"};
  }
  if ((unit == "bytes/s" || unit == "B/s") && size >= 1e6) return {1e-9, "GB/s"};
  return {1, std::string(unit)};
}

std::string format_metric(const harness::Metric& metric) {
  if (!metric.value) return fmt::format("n/a{}", metric.note.empty() ? "" : " (" + metric.note + ")");
  const ReadableUnit unit = readable_unit(metric.unit, *metric.value);
  return fmt::format("{:.{}g}{}{}", *metric.value * unit.factor, unit.factor == 1 ? 6 : 4, unit.name.empty() ? "" : " ",
                     unit.name);
}

std::string headline(const Report& report) {
  const int code = report.outcome.exit_code;
  if (code >= harness::kSignalBase) return "INTERRUPTED";
  switch (static_cast<harness::ExitCode>(code)) {
    case harness::ExitCode::ok:
      return "PASSED";
    case harness::ExitCode::failed:
      return "FAILED";
    case harness::ExitCode::inconclusive:
      return "INCONCLUSIVE";
    case harness::ExitCode::strict:
      return "STRICT MODE VIOLATED";
    case harness::ExitCode::setup:
      return "SET-UP UNUSABLE";
    case harness::ExitCode::usage:
      return "WRONG USAGE";
    case harness::ExitCode::internal:
      return "INTERNAL ERROR";
  }
  return "UNKNOWN";
}

std::string count_verdicts(const Report& report) {
  std::string text;
  for (const Verdict verdict : harness::kVerdicts) {
    const auto count = std::count_if(report.results.begin(), report.results.end(),
                                     [&](const Result& result) { return result.verdict == verdict; });
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, to_string(verdict));
  }
  return text.empty() ? "nothing ran" : text;
}

bool is_mock(const Report& report) {
  const auto* mock = find(report.subject, "mock");
  return mock != nullptr && mock->is_bool() && mock->get_bool();
}

std::string describe_machine(const Report& report) {
  const auto& e = report.environment;
  return fmt::format("{}, {} of {} cores, {:.1f} GiB, {}", e.cpu_model, e.usable_cores, e.logical_cores,
                     static_cast<double>(e.memory_bytes) / (1024.0 * 1024.0 * 1024.0), e.os);
}

std::vector<std::pair<std::string, std::string>> environment_rows(const Report& report) {
  const auto& e = report.environment;
  const auto kib = [](std::uint64_t bytes) { return bytes >> 10; };
  std::string features;
  for (const auto& feature : e.cpu_features) features += (features.empty() ? "" : ", ") + feature;
  std::vector<std::pair<std::string, std::string>> rows = {
      {"bitharness", e.bitharness_version + (e.git_describe.empty() ? "" : " (" + e.git_describe + ")")},
      {"build", e.build_type + ", " + e.compiler + ", " + e.architecture},
      {"machine", describe_machine(report)},
      {"CPU features", features},
      {"caches", e.l1d_bytes == 0 ? std::string()
                                  : fmt::format("L1d {} KiB, L2 {} KiB, L3 {} KiB", kib(e.l1d_bytes), kib(e.l2_bytes),
                                                kib(e.l3_bytes))},
      {"host", e.host_name},
      {"load average at start", fmt::format("{:.2f}", e.load_average_1m)},
      {"started", report.started_at},
      {"finished", report.finished_at},
      {"command", report.command_line}};
  rows.erase(std::remove_if(rows.begin(), rows.end(), [](const auto& row) { return row.second.empty(); }), rows.end());
  return rows;
}

std::string describe_bounds(const harness::Expectation& expectation) {
  if (expectation.metric.empty()) return "runs and does not fail";
  if (expectation.min && expectation.max && *expectation.min == *expectation.max) {
    return fmt::format("= {:.6g}", *expectation.min);
  }
  std::string text;
  if (expectation.min) text += fmt::format(">= {:.6g}", *expectation.min);
  if (expectation.max) text += fmt::format("{}<= {:.6g}", text.empty() ? "" : " and ", *expectation.max);
  return text.empty() ? "has a value" : text;
}

std::vector<std::size_t> worst_first(const Report& report) {
  const auto badness = [&](std::size_t index) {
    switch (report.results[index].verdict) {
      case Verdict::errored:
        return 0;
      case Verdict::failed:
        return 1;
      case Verdict::regressed:
        return 2;
      case Verdict::untrusted:
        return 3;
      case Verdict::interrupted:
        return 4;
      case Verdict::warned:
        return 5;
      case Verdict::skipped:
        return 6;
      case Verdict::passed:
        return 7;
    }
    return 0;
  };
  std::vector<std::size_t> order(report.results.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return badness(a) < badness(b); });
  return order;
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : harness::to_valid_utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool control = (byte < 0x20 && c != '\t' && c != '\n') || byte == 0x7f;
    if (control) {
      out += "\xef\xbf\xbd";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace bh::reports
