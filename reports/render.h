// The writers' functions and what they share; inside reports/ only, others go through writers.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/core/writer.h"

namespace bh::reports {

std::string render_console(const harness::Report& report, const harness::WriterStyle& style);
std::string render_json(const harness::Report& report, const harness::WriterStyle& style);
/// One verdict with its evidence per case, for whoever does not want the whole record.
std::string render_verdicts(const harness::Report& report, const harness::WriterStyle& style);
std::string render_markdown(const harness::Report& report, const harness::WriterStyle& style);
/// Worst first, at most kSummaryBytes: what a CI page shows.
std::string render_summary(const harness::Report& report, const harness::WriterStyle& style);
/// For tools that read the output of `llama-bench -o jsonl`.
std::string render_llama_bench(const harness::Report& report, const harness::WriterStyle& style);
std::string render_junit(const harness::Report& report, const harness::WriterStyle& style);
std::string render_receipt(const harness::Report& report, const harness::WriterStyle& style);
/// PERF_COMPARISON.md.
std::string render_perf_markdown(const harness::Report& report, const harness::WriterStyle& style);
std::string render_html(const harness::Report& report, const harness::WriterStyle& style);
/// Several runs, oldest first.
std::string render_history_markdown(std::span<const harness::Report> reports);
std::string render_history_html(std::span<const harness::Report> reports);

inline constexpr std::size_t kSummaryBytes = 60'000;

std::string format_seconds(std::int64_t nanoseconds);  ///< "1.24 s"
/// What people read a unit in at this size: 3e9 bytes as 2.79 GiB, ns as ms. Value times factor is in `name`.
struct ReadableUnit {
  double factor = 1;
  std::string name;
};
ReadableUnit readable_unit(std::string_view unit, double typical);
std::string format_metric(const harness::Metric& metric);   ///< "12.5 tok/s", or "n/a" and why
std::string headline(const harness::Report& report);        ///< "PASSED", "FAILED", "INCONCLUSIVE", ...
std::string count_verdicts(const harness::Report& report);  ///< "9 passed, 1 skipped"
bool is_mock(const harness::Report& report);                ///< the subject says that it is one
/// Build, machine and time of a run as name and value; what is unknown is left out.
std::vector<std::pair<std::string, std::string>> environment_rows(const harness::Report& report);
std::string describe_machine(const harness::Report& report);
std::string describe_bounds(const harness::Expectation& expectation);  ///< ">= 0.9999", "runs"
/// Indices of report.results, worst verdict first, otherwise in order.
std::vector<std::size_t> worst_first(const harness::Report& report);
/// UTF-8 with control characters shown as U+FFFD (tab and newline stay): legal in XML and harmless on a terminal.
std::string printable(std::string_view text);

}  // namespace bh::reports
