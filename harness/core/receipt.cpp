#include "harness/core/receipt.h"

#include <algorithm>

#include "engine/base/error.h"
#include "harness/core/report_json.h"
#include "harness/core/text.h"

namespace bh::harness {

namespace {

json::object test_results(const Report& report) {
  const auto count = [&](std::initializer_list<Verdict> verdicts) {
    return std::count_if(report.results.begin(), report.results.end(), [&](const Result& result) {
      return std::find(verdicts.begin(), verdicts.end(), result.verdict) != verdicts.end();
    });
  };
  return {{"suite", report.suite},
          {"total", report.results.size()},
          {"passed", count({Verdict::passed})},
          {"warned", count({Verdict::warned})},
          {"failed", count({Verdict::failed, Verdict::regressed, Verdict::errored})},
          {"untrusted", count({Verdict::untrusted})},
          {"skipped", count({Verdict::skipped})},
          {"interrupted", count({Verdict::interrupted})},
          {"exit_code", report.outcome.exit_code}};
}

}  // namespace

bool has_receipt(const Report& report) {
  const json::value* note = find(report.notes, kReceiptNote);
  return note != nullptr && note->is_object();
}

std::string make_receipt(const Report& report, std::string_view record_sha256) {
  BH_ASSERT(has_receipt(report));
  const json::object& note = find(report.notes, kReceiptNote)->get_object();
  const auto evidence = [&](std::string_view key) {
    const json::value* value = find(note, key);
    if (value == nullptr) fail(ErrorKind::setup, "the run record's evidence for a receipt lacks '{}'", key);
    return *value;
  };
  json::object environment = to_json(report).at("environment").as_object();
  environment["binary_sha256"] = evidence("binary_sha256");
  environment["strict"] = report.strict;
  json::object receipt{{"schema_version", kReceiptVersion}, {"timestamp", report.finished_at}};
  for (const char* key : {"compute_path", "backend", "backend_summary", "kernels", "kernel_counts", "deterministic"}) {
    receipt[key] = evidence(key);
  }
  receipt["environment"] = std::move(environment);
  receipt["model_info"] = evidence("model_info");
  receipt["test_results"] = test_results(report);
  for (const char* key : {"performance_baseline", "parity", "corrections", "logits_hash", "tokens_hash", "replay"}) {
    receipt[key] = evidence(key);
  }
  receipt["run_record_sha256"] = record_sha256;
  json::value document = std::move(receipt);
  make_valid_utf8(document);
  return write_json(document);
}

}  // namespace bh::harness
