#include "suites/crossval/crossval.h"

#include <algorithm>
#include <array>

#include "harness/core/engine_rows.h"
#include "harness/core/receipt.h"
#include "suites/crossval/checks.h"

namespace bh::suites::crossval {

using engine::Numerics;
using harness::Case;
using harness::Expectation;
using harness::OptionKind;
using harness::OptionRow;
using harness::Report;
using harness::Result;
using harness::Verdict;

namespace {

struct CaseRow {
  std::string_view id;
  std::string_view title;
  bool second_lane;  ///< only where --lane-b was named
  Result (*run)(Bench& bench);
};

constexpr std::array kCases = {
    CaseRow{"crossval/reference", "who the reference is, and which known defects touch this comparison", false,
            [](Bench& bench) { return check_reference(bench, bench.lane()); }},
    CaseRow{"crossval/tokens", "the same text becomes the same tokens", false,
            [](Bench& bench) { return check_tokens(bench, bench.lane()); }},
    CaseRow{"crossval/ops/batch", "each op on the reference's own inputs, several positions in one call", false,
            [](Bench& bench) { return check_ops(bench, bench.lane(), Numerics::reference_batch); }},
    CaseRow{"crossval/ops/single", "each op on the reference's own inputs, one position at a time", false,
            [](Bench& bench) { return check_ops(bench, bench.lane(), Numerics::reference_single); }},
    CaseRow{"crossval/self", "the reference beside itself: one position at a time, and all in one call", false,
            [](Bench& bench) { return check_self(bench, bench.lane()); }},
    CaseRow{"crossval/logits/batch", "logits of every position, all in one call", false,
            [](Bench& bench) { return check_logits(bench, bench.lane(), Numerics::reference_batch); }},
    CaseRow{"crossval/logits/single", "logits of every position, one at a time", false,
            [](Bench& bench) { return check_logits(bench, bench.lane(), Numerics::reference_single); }},
    CaseRow{"crossval/bridge", "our default numerics beside the reference and the modes that copy its rounding", false,
            [](Bench& bench) { return check_bridge(bench, bench.lane()); }},
    CaseRow{"crossval/greedy", "greedy text, and how close a call it was where it differs", false,
            [](Bench& bench) { return check_greedy(bench, bench.lane()); }},
    CaseRow{"crossval/receipt", "a timed generation for the receipt, equal to the logits of its tokens", false,
            [](Bench& bench) { return check_receipt(bench, bench.lane()); }},
    CaseRow{"crossval/trace/batch", "the first layer and op that leaves tolerance, several positions in one call",
            false, [](Bench& bench) { return check_trace(bench, bench.lane(), Numerics::reference_batch); }},
    CaseRow{"crossval/trace/single", "the first layer and op that leaves tolerance, one position at a time", false,
            [](Bench& bench) { return check_trace(bench, bench.lane(), Numerics::reference_single); }},
    CaseRow{"crossval/lane-b/reference", "who the second reference is", true,
            [](Bench& bench) { return check_reference(bench, bench.lane_b()); }},
    CaseRow{"crossval/lane-b/tokens", "the second reference makes the same tokens", true,
            [](Bench& bench) { return check_tokens(bench, bench.lane_b()); }},
    CaseRow{"crossval/lane-b/logits", "logits of every position beside the second reference", true,
            [](Bench& bench) { return check_logits(bench, bench.lane_b(), Numerics::reference_batch); }},
    CaseRow{"crossval/lane-b/greedy", "greedy text beside the second reference's", true,
            [](Bench& bench) { return check_greedy(bench, bench.lane_b()); }},
    CaseRow{"crossval/lanes", "the two references beside each other", true, check_lanes},
};

constexpr std::array kOptions = {
    OptionRow{.name = "model",
              .aliases = "m",
              .kind = OptionKind::text,
              .value_name = "PATH",
              .help = "GGUF file; without it the shipped model kjv-3m"},
    OptionRow{.name = "reference",
              .kind = OptionKind::text,
              .value_name = "DIR",
              .help =
                  "a built bitnet.cpp with the adapter of scripts/build-adapter, an adapter itself, or the URL of a "
                  "server; without it what was recorded for this model"},
    OptionRow{.name = "lane-b",
              .kind = OptionKind::text,
              .value_name = "DIR",
              .help = "a second reference, compared with us and with the first"},
    OptionRow{.name = "prompt",
              .aliases = "p",
              .kind = OptionKind::text,
              .value_name = "TEXT",
              .help = "a prompt of your own instead of the built-in ones",
              .repeatable = true},
    OptionRow{.name = "prompts", .kind = OptionKind::text, .value_name = "FILE", .help = "the same, one per line"},
    OptionRow{.name = "tokens",
              .aliases = "n",
              .kind = OptionKind::integer,
              .value_name = "N",
              .help = "greedy tokens behind each prompt; without it as the criteria say",
              .min = 1,
              .max = 100000},
    OptionRow{.name = "trace-positions",
              .kind = OptionKind::integer,
              .value_name = "N",
              .help = "positions of a prompt whose intermediate results are compared; without it as the criteria say",
              .min = 2,
              .max = 512},
    OptionRow{.name = "time-limit",
              .kind = OptionKind::integer,
              .value_name = "SECONDS",
              .default_value = "300",
              .help = "for one answer of the reference; a longer one is a hang",
              .min = 1,
              .max = 86400},
    OptionRow{.name = "profile",
              .kind = OptionKind::text,
              .value_name = "NAME",
              .help = "which tolerances hold: shallow or deep; without it by the model's size"},
    OptionRow{.name = "criteria",
              .kind = OptionKind::text,
              .value_name = "FILE",
              .help = "tolerances to use instead of the built-in criteria.json"},
    OptionRow{.name = "pre",
              .kind = OptionKind::text,
              .value_name = "NAME",
              .help = "pre-tokenizer to use on our side instead of the one that the file names or lacks: llama-bpe, "
                      "gpt-2, default"},
    OptionRow{.name = "threads",
              .aliases = "t",
              .kind = OptionKind::integer,
              .value_name = "N",
              .help = "threads of either side; without it every usable core here, one there",
              .min = 1,
              .max = 1024},
    harness::rows::kDevice,
    harness::rows::kKernel,
};

/// What a case says whose reference gave no answer. One that fails in this very case is untrusted, one that is missing,
/// or failed before, leaves it skipped: either way there is no evidence, and a required case without evidence is
/// exit 3.
Result without_answer(const Fault& fault, bool identity) {
  Result result;
  result.details["outcome"] = fault.outcome;
  if (fault.outcome == "refused" && identity) {
    result.verdict = Verdict::skipped;
    result.details["xfail"] = true;
    result.reason = "xfail: the model loads here, the reference does not take it: " + fault.reason;
    return result;
  }
  const bool no_attempt = fault.earlier || fault.outcome == "missing" || fault.outcome == "cannot";
  result.verdict = no_attempt ? Verdict::skipped : Verdict::untrusted;
  result.reason =
      no_attempt && !fault.earlier ? fault.reason : fmt::format("reference {}: {}", fault.outcome, fault.reason);
  return result;
}

class CrossvalSuite final : public harness::Suite {
 public:
  explicit CrossvalSuite(const harness::SuiteContext& context) : bench_(context) {}

  std::vector<Case> expand() override {
    std::vector<Case> cases;
    for (const CaseRow& row : kCases) {
      if (row.second_lane && !bench_.two_lanes()) continue;
      Case item;
      item.id = row.id;
      item.title = row.title;
      cases.push_back(std::move(item));
    }
    return cases;
  }

  std::vector<Expectation> expectations() override {
    std::vector<std::string> ids;
    for (const Case& item : expand()) ids.push_back(item.id);
    return bench_.criteria().expectations(bench_.profile(), ids);
  }

  Result run(const Case& item) override {
    const auto row =
        std::find_if(kCases.begin(), kCases.end(), [&](const CaseRow& each) { return each.id == item.id; });
    BH_ASSERT(row != kCases.end());
    const bool identity = row->id == "crossval/reference" || row->id == "crossval/lane-b/reference";
    try {
      Result result = row->run(bench_);
      if (row->id == "crossval/bridge") cosine_ = value_of(result, "min_cosine");
      if (row->id == "crossval/greedy") equal_share_ = value_of(result, "one_answer_equal_share");
      return result;
    } catch (const LaneError& error) {
      return without_answer(error.fault, identity);
    }
  }

  void describe(Report& report) override {
    report.subject = bench_.subject();
    report.notes["profile"] = bench_.profile().name;
    report.notes["profile_summary"] = bench_.profile().summary;
    report.notes["criteria_source"] = bench_.criteria().source();
    report.notes["reference_kind"] = bench_.lane().live() ? "live" : "recorded";
    if (bench_.receipt_note) report.notes[harness::kReceiptNote] = receipt_note();
  }

 private:
  static json::value value_of(const Result& result, std::string_view metric) {
    const harness::Metric* found = result.find_metric(metric);
    return found == nullptr || !found->value ? json::value(nullptr) : json::value(*found->value);
  }

  /// With what was found beside the reference by the engine's own numerics.
  json::object receipt_note() {
    json::object note = *bench_.receipt_note;
    const bool compared = !cosine_.is_null() || !equal_share_.is_null();
    const bool live = bench_.lane().live();
    note["parity"] = json::object{{"cpp_available", compared && live},
                                  {"cosine_similarity", cosine_},
                                  {"exact_match_rate", equal_share_},
                                  {"status", !compared ? "none"
                                             : live    ? "live"
                                                       : "recorded"}};
    return note;
  }

  Bench bench_;
  json::value cosine_, equal_share_;  ///< null until their case has run
};

}  // namespace

std::span<const OptionRow> option_rows() noexcept { return kOptions; }

std::unique_ptr<harness::Suite> make(const harness::SuiteContext& context) {
  return std::make_unique<CrossvalSuite>(context);
}

}  // namespace bh::suites::crossval
