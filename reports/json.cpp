// run.json, the record everything else is made from, and <suite>.json, the verdicts alone.
#include "engine/base/json.h"

#include "harness/core/report_json.h"
#include "harness/core/text.h"
#include "reports/render.h"

namespace bh::reports {

std::string render_json(const harness::Report& report, const harness::WriterStyle&) {
  return write_json(harness::to_json(report));
}

std::string render_verdicts(const harness::Report& report, const harness::WriterStyle&) {
  json::array tests;
  for (const auto& result : report.results) {
    json::object evidence;
    for (const auto& metric : result.metrics) {
      evidence[metric.name] = harness::to_json(metric).at("value");
    }
    json::array thresholds;
    bool required = false;
    for (const auto& expectation : report.expectations) {
      if (expectation.case_id != result.case_id) continue;
      required = required || expectation.required;
      if (!expectation.metric.empty()) thresholds.push_back(harness::to_json(expectation));
    }
    const auto* item = report.find_case(result.case_id);
    tests.push_back(json::object{{"id", result.case_id},
                                 {"title", item == nullptr ? std::string() : item->title},
                                 {"required", required},
                                 {"verdict", to_string(result.verdict)},
                                 {"reason", result.reason},
                                 {"evidence", std::move(evidence)},
                                 {"thresholds", std::move(thresholds)},
                                 {"repro", item == nullptr ? std::string() : item->repro},
                                 {"duration_ns", result.duration_ns}});
  }
  json::array reasons;
  for (const auto& reason : report.outcome.reasons) reasons.emplace_back(reason);
  json::value document = json::object{{"schema", "bitharness.verdicts/1"}, {"suite", report.suite},
                                      {"verdict", headline(report)},       {"exit_code", report.outcome.exit_code},
                                      {"reasons", std::move(reasons)},     {"mock", is_mock(report)},
                                      {"started_at", report.started_at},   {"finished_at", report.finished_at},
                                      {"subject", report.subject},         {"notes", report.notes},
                                      {"tests", std::move(tests)}};
  harness::make_valid_utf8(document);
  return write_json(document);
}

}  // namespace bh::reports
