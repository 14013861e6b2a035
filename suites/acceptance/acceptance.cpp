#include "suites/acceptance/acceptance.h"

#include <array>
#include <map>

#include "engine/base/error.h"
#include "harness/core/engine_rows.h"
#include "harness/core/receipt.h"
#include "suites/acceptance/cases.h"
#include "suites/acceptance/pipeline.h"
#include "suites/acceptance/workbench.h"
#include "suites/subjects/subject_options.h"

namespace bh::suites::acceptance {

using harness::Case;
using harness::Expectation;
using harness::OptionKind;
using harness::OptionRow;
using harness::Report;
using harness::Result;

namespace {

constexpr std::array kCases = {
    CaseRow{"acceptance/ac1/hash", "the model file is the one its recorded hash says", Needs::file, check_hash},
    CaseRow{"acceptance/ac1/loads", "the model loads", Needs::file, check_load},
    CaseRow{"acceptance/ac1/unsupported-quantization", "weights nobody can run here are refused at once and in words",
            Needs::nothing, check_refusals},
    CaseRow{"acceptance/ac2/real-is-real", "the real model runs and is not marked as a mock", Needs::subject,
            check_real_subject},
    CaseRow{"acceptance/ac2/mock-is-mock", "a mock runs and says so", Needs::nothing, check_mock_subject},
    CaseRow{"acceptance/ac3/pipeline", "load, tokenize, prefill, decode, detokenize", Needs::nothing, check_pipeline},
    CaseRow{"acceptance/ac4/greedy-repeats", "greedy text is the same twice", Needs::subject, check_greedy_repeats},
    CaseRow{"acceptance/ac4/recorded-text", "greedy and seeded text are the recorded ones", Needs::subject,
            check_recorded_text},
    CaseRow{"acceptance/ac4/samples",
            "seeded samples are no loops, and words of heldout.txt where it lies beside the model", Needs::subject,
            check_samples},
    CaseRow{"acceptance/ac4/zeroed-layer", "a model with a zeroed layer is found out", Needs::engine,
            check_zeroed_layer},
    CaseRow{"acceptance/ac5/vocabulary", "the embedded vocabulary is whole", Needs::file, check_vocabulary},
    CaseRow{"acceptance/ac5/round-trip", "no byte of a text is lost on the way there and back", Needs::subject,
            check_round_trip},
    CaseRow{"acceptance/ac5/hard-strings", "hard strings have the ids an independent tokenizer gave them", Needs::file,
            check_hard_strings},
    CaseRow{"acceptance/ac5/reference-prompts", "prompts have the ids bitnet.cpp gave them", Needs::subject,
            check_reference_prompts},
    CaseRow{"acceptance/ac6/structure", "the file is sound, and cut files are refused", Needs::file, check_structure},
    CaseRow{"acceptance/ac6/weights", "norms and projections lie in their bands; none is zero or illegal", Needs::file,
            check_weights},
    CaseRow{"acceptance/ac6/safetensors", "the SafeTensors folders of the model are sound and hold the same codes",
            Needs::file, check_sibling_folders},
    CaseRow{"acceptance/ac7/reference-batch", "logits follow bitnet.cpp, prompt in one batch", Needs::engine,
            check_reference_batch},
    CaseRow{"acceptance/ac7/reference-single", "logits follow bitnet.cpp, one token at a time", Needs::engine,
            check_reference_single},
    CaseRow{"acceptance/ac7/one-answer", "our own numerics stay near bitnet.cpp", Needs::subject, check_one_answer},
    CaseRow{"acceptance/ac7/greedy", "greedy text is bitnet.cpp's", Needs::subject, check_reference_greedy},
    CaseRow{"acceptance/ac8/int8-activations", "int8 activations cost next to no perplexity", Needs::engine,
            check_int8_perplexity},
    CaseRow{"acceptance/ac8/recorded-perplexity", "perplexity is the one bitnet.cpp printed", Needs::engine,
            check_recorded_perplexity},
    CaseRow{"acceptance/ac8/master-refused", "a raw float master is no baseline", Needs::file, check_master_refused},
    CaseRow{"acceptance/ac8/products", "every matrix product is that of the definition, on real activations",
            Needs::engine, check_products},
    CaseRow{"acceptance/ac10/bandwidth-fraction", "decoding a large model uses the memory bandwidth", Needs::engine,
            check_bandwidth_fraction},
    CaseRow{"acceptance/ac10/memory", "memory is bounded by the model's size", Needs::engine, check_memory},
    CaseRow{"acceptance/ac10/own-speed", "speed of this model", Needs::subject, check_own_speed},
    CaseRow{"acceptance/ac10/gpu-speed", "speed of this model on a GPU", Needs::engine, check_gpu_speed},
    CaseRow{"acceptance/ac9/evidence", "mock and real both ran, in time", Needs::subject, check_evidence},
};

constexpr std::array kOptions = {
    OptionRow{.name = "model",
              .aliases = "m",
              .kind = OptionKind::text,
              .value_name = "PATH",
              .help = "GGUF file or Hugging Face folder; without it the shipped model kjv-3m"},
    OptionRow{
        .name = "profile",
        .kind = OptionKind::text,
        .value_name = "NAME",
        .help = "which criteria are required: shipped, 2b, 3b, gpu, release, ...; without it by model and machine"},
    OptionRow{.name = "criteria",
              .kind = OptionKind::text,
              .value_name = "FILE",
              .help = "thresholds and profiles to use instead of the built-in criteria.json"},
    subject_rows::kSubject,
    subject_rows::kSubjectAddress,
    subject_rows::kApiKeyFile,
    subject_rows::kTimeLimit,
    OptionRow{.name = "allow-mock",
              .help = "permit a mock where it is asked for or no model is found; the run says so"},
    OptionRow{.name = "real-model", .help = "insist on a real model: no mock, whatever else is given"},
    OptionRow{.name = "tier",
              .kind = OptionKind::choice,
              .value_name = "NAME",
              .default_value = "fast",
              .help = "whose time budget the run has to keep",
              .choices = "fast|integration|full"},
    harness::rows::kThreads,
    harness::rows::kDevice,
    harness::rows::kKernel,
};

/// A criterion is as good as its worst case; this is the order, worst first.
constexpr std::array kWorstFirst = {
    harness::Verdict::errored,   harness::Verdict::failed, harness::Verdict::regressed, harness::Verdict::interrupted,
    harness::Verdict::untrusted, harness::Verdict::warned, harness::Verdict::passed,    harness::Verdict::skipped};

class AcceptanceSuite final : public harness::Suite {
 public:
  explicit AcceptanceSuite(const harness::SuiteContext& context) : bench_(context) {
    bench_.result_of = [this](const std::string& id) { return result_of(id); };
  }

  std::vector<Case> expand() override;
  std::vector<Expectation> expectations() override { return bench_.expectations(); }
  Result run(const Case& item) override;
  void describe(Report& report) override;

 private:
  std::string why_skipped(const CaseRow& row) const;
  Result result_of(const std::string& id);
  json::array criteria_table(const Report& report) const;
  json::object receipt_note() const;

  Workbench bench_;
  std::map<std::string, Result> results_;  ///< by case id, of cases that did not throw
};

std::vector<Case> AcceptanceSuite::expand() {
  std::vector<Case> cases;
  for (const CaseRow& row : kCases) {
    Case item;
    item.id = row.id;
    item.title = row.title;
    item.params = {{"criterion", harness::criterion_of(row.id)}};
    cases.push_back(std::move(item));
  }
  return cases;
}

/// A subject elsewhere has to be there, even for cases that only look at the model's file.
Result AcceptanceSuite::run(const Case& item) {
  if (bench_.elsewhere()) bench_.tested();
  return result_of(item.id);
}

std::string AcceptanceSuite::why_skipped(const CaseRow& row) const {
  if (row.needs != Needs::nothing && bench_.mock_run()) return "a mock run says nothing about a model";
  if (row.needs == Needs::engine && bench_.elsewhere()) {
    return fmt::format("it looks inside our own engine; this run tests {}", bench_.subject_row().name);
  }
  return {};
}

Result AcceptanceSuite::result_of(const std::string& id) {
  if (const auto known = results_.find(id); known != results_.end()) return known->second;
  for (const CaseRow& row : kCases) {
    if (row.id != id) continue;
    Result result = why_skipped(row).empty() ? row.run(bench_) : skipped(why_skipped(row));
    result.case_id = id;
    return results_.emplace(id, std::move(result)).first->second;
  }
  fail(ErrorKind::internal, "the acceptance suite has no case {}", id);
}

void AcceptanceSuite::describe(Report& report) {
  report.subject = bench_.subject();
  report.notes["compute_path"] = bench_.mock_run() ? "mock" : "real";
  report.notes["profile"] = bench_.profile().name;
  report.notes["profile_summary"] = bench_.profile().summary;
  report.notes["criteria_source"] = bench_.criteria().source();
  report.notes["criteria"] = criteria_table(report);
  if (bench_.receipt_note) report.notes[harness::kReceiptNote] = receipt_note();
}

/// With what AC7 found about the recorded reference.
json::object AcceptanceSuite::receipt_note() const {
  json::object note = *bench_.receipt_note;
  const auto metric = [&](const char* id, const char* name) -> json::value {
    const auto result = results_.find(id);
    const harness::Metric* found = result == results_.end() ? nullptr : result->second.find_metric(name);
    return found == nullptr || !found->value ? json::value(nullptr) : json::value(*found->value);
  };
  json::object& parity = note["parity"].as_object();
  parity["cosine_similarity"] = metric("acceptance/ac7/one-answer", "min_cosine");
  parity["exact_match_rate"] = metric("acceptance/ac7/greedy", "one_answer_equal_share");
  if (!parity["cosine_similarity"].is_null() || !parity["exact_match_rate"].is_null()) parity["status"] = "recorded";
  return note;
}

json::array AcceptanceSuite::criteria_table(const Report& report) const {
  json::array table;
  for (const harness::Criterion& criterion : bench_.criteria().criteria()) {
    std::size_t worst = kWorstFirst.size();
    std::int64_t ran = 0, skips = 0;
    for (const Result& result : report.results) {
      if (harness::criterion_of(result.case_id) != criterion.id) continue;
      ++(result.verdict == harness::Verdict::skipped ? skips : ran);
      const auto* place = std::find(kWorstFirst.begin(), kWorstFirst.end(), result.verdict);
      worst = std::min(worst, static_cast<std::size_t>(place - kWorstFirst.begin()));
    }
    table.push_back(json::object{
        {"id", criterion.id},
        {"title", criterion.title},
        {"verdict", worst == kWorstFirst.size() ? std::string("not run") : std::string(to_string(kWorstFirst[worst]))},
        {"cases_run", ran},
        {"cases_skipped", skips}});
  }
  return table;
}

}  // namespace

std::span<const CaseRow> case_rows() noexcept { return kCases; }
std::span<const OptionRow> option_rows() noexcept { return kOptions; }

std::unique_ptr<harness::Suite> make(const harness::SuiteContext& context) {
  return std::make_unique<AcceptanceSuite>(context);
}

}  // namespace bh::suites::acceptance
