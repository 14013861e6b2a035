#include "suites/perf/perf.h"

#include <array>
#include <map>
#include <optional>

#include "engine/base/error.h"
#include "generated/bh_perf.h"
#include "harness/core/engine_rows.h"
#include "harness/core/receipt.h"
#include "harness/core/report_json.h"
#include "harness/judge/baseline.h"
#include "harness/judge/judge.h"
#include "harness/judge/machine.h"
#include "harness/measure/environment.h"
#include "harness/measure/stopping_rule.h"
#include "suites/perf/against_case.h"
#include "suites/perf/baseline_gate.h"
#include "suites/perf/bench.h"
#include "suites/perf/own_cases.h"
#include "suites/perf/shared_steps.h"

namespace bh::suites::perf {

using harness::Case;
using harness::Expectation;
using harness::OptionKind;
using harness::OptionRow;
using harness::Report;
using harness::Result;
using harness::Verdict;

namespace {

constexpr std::array kOptions = {
    OptionRow{.name = "model",
              .aliases = "m",
              .kind = OptionKind::text,
              .value_name = "PATH",
              .help = "GGUF file, Hugging Face folder, or synth:PRESET for random weights made once; without it the "
                      "shipped model and synth:2b4t (1.2 GB)",
              .repeatable = true},
    OptionRow{.name = "table",
              .kind = OptionKind::choice,
              .value_name = "NAME",
              .default_value = "quick",
              .help = "what is measured: quick (pp128, tg32) or full (pp512, tg128, depths, step sizes, 16 sequences)",
              .choices = "quick|full"},
    OptionRow{.name = "threads",
              .aliases = "t",
              .kind = OptionKind::text,
              .value_name = "LIST",
              .help = "numbers of threads with commas between them; 'all' = every usable core; without it 1,all"},
    OptionRow{.name = "prompt-lengths",
              .kind = OptionKind::text,
              .value_name = "LIST",
              .help = "prompts to prefill, in tokens; without it the table's"},
    OptionRow{.name = "depths",
              .kind = OptionKind::text,
              .value_name = "LIST",
              .help = "tokens in the KV cache before decoding is timed; without it the table's"},
    OptionRow{.name = "ubatch-sizes",
              .aliases = "ub",
              .kind = OptionKind::text,
              .value_name = "LIST",
              .help = "tokens computed in one step of a prefill; without it the table's"},
    OptionRow{.name = "sequences",
              .kind = OptionKind::text,
              .value_name = "LIST",
              .help = "so many sequences decoded in shared steps, beside one of them alone; without it the table's"},
    OptionRow{.name = "guesses",
              .kind = OptionKind::text,
              .value_name = "LIST",
              .help = "speculation beside plain decoding of as many tokens: 'lookup' guesses as run does; a number "
                      "scripts guesses of which so many percent hold, each by itself"},
    OptionRow{.name = "decode-tokens",
              .aliases = "n",
              .kind = OptionKind::integer,
              .value_name = "N",
              .help = "steps of one timed decoding; without it the table's",
              .min = 4,
              .max = 1 << 16},
    OptionRow{.name = "rounds",
              .kind = OptionKind::integer,
              .value_name = "N",
              .help =
                  "samples of each case that has no rival; beside a baseline at least 10, and up to four times as many "
                  "while f is neither reached nor missed; without it the table's",
              .min = 5,
              .max = 10000},
    OptionRow{.name = "against",
              .kind = OptionKind::text,
              .value_name = "RIVAL",
              .help = "time a rival back to back: another build of bitharness, bitnet.cpp:DIR, or a URL",
              .repeatable = true},
    OptionRow{.name = "candidate",
              .kind = OptionKind::text,
              .value_name = "BINARY",
              .help = "with --against: time this build of bitharness beside the rival, not the one that runs"},
    OptionRow{.name = "baseline",
              .kind = OptionKind::text,
              .value_name = "FILE",
              .help =
                  "gate on a stored baseline: f, the share of memory bandwidth that decoding reaches, within a machine "
                  "class; speeds on the same machine only"},
    OptionRow{.name = "promote", .help = "make this run the baseline of its machine class, if it is green"},
    OptionRow{.name = "force", .help = "with --promote: whatever the verdicts"},
    OptionRow{.name = "baselines",
              .kind = OptionKind::text,
              .value_name = "DIR",
              .default_value = "baselines",
              .help = "where --promote writes <machine class>/perf.json"},
    OptionRow{.name = "seed",
              .aliases = "s",
              .kind = OptionKind::integer,
              .value_name = "N",
              .help = "of the order in which rivals take turns; without it drawn and recorded",
              .min = 0},
    OptionRow{.name = "criteria",
              .kind = OptionKind::text,
              .value_name = "FILE",
              .help = "tables, bounds, margin and bands to use instead of the built-in criteria.json"},
    OptionRow{.name = "cache-dir",
              .kind = OptionKind::text,
              .value_name = "DIR",
              .help = "where synthetic models are kept, in DIR/bitharness; without it ~/.cache",
              .extra_env = "XDG_CACHE_HOME"},
    OptionRow{.name = "api-key-file",
              .kind = OptionKind::text,
              .value_name = "FILE",
              .help = "with --against URL: a file that holds the server's API key"},
    harness::rows::kDevice,
    harness::rows::kKernel,
    OptionRow{.name = "numerics",
              .kind = OptionKind::choice,
              .value_name = "MODE",
              .default_value = "one_answer",
              .help =
                  "one_answer, or the same with keys and values kept in int8; the reference modes are scalar copies "
                  "of another engine's rounding, and not timed",
              .choices = "one_answer|one_answer_kv_int8"},
};

class PerfSuite final : public harness::Suite {
 public:
  explicit PerfSuite(const harness::SuiteContext& context)
      : bench_(context, harness::Criteria::read(embedded::perf::criteria_json(), *context.options, "perf")) {
    if (bench_.options().flag("force") && !bench_.options().flag("promote")) {
      fail(ErrorKind::usage, "--force goes with --promote");
    }
    environment_ = harness::read_environment();
    if (bench_.options().has("baseline")) {
      gate_.emplace(bench_.options().text("baseline"), bench_.criteria(), bench_.number("gate", "margin"),
                    environment_);
    }
  }

  std::vector<Case> expand() override;
  std::vector<Expectation> expectations() override;
  Result run(const Case& item) override;
  void describe(Report& report) override;
  void finished(const Report& report) override;

 private:
  Result measure(const std::string& id, const Spec& spec, int attempt);
  Result compared(const std::string& id, const Spec& spec, int attempt);
  Result judged(Result result);
  bool measured_again(const std::string& id, const Spec& spec, Verdict verdict) const;

  Bench bench_;
  harness::Environment environment_;
  std::optional<BaselineGate> gate_;
  std::map<std::string, Spec> specs_;
  std::vector<std::string> ids_;
};

std::vector<Case> PerfSuite::expand() {
  std::vector<Case> cases;
  for (Planned& planned : bench_.plan()) {
    specs_[planned.item.id] = planned.spec;
    ids_.push_back(planned.item.id);
    cases.push_back(std::move(planned.item));
  }
  return cases;
}

std::vector<Expectation> PerfSuite::expectations() {
  std::vector<Expectation> all = bench_.criteria().expectations(bench_.profile(), ids_);
  const double least = 1 - bench_.number("gate", "margin");
  const std::string source = fmt::format("{}, margin {:g}", bench_.criteria().source(), 1 - least);
  for (const auto& [id, spec] : specs_) {
    if (spec.kind == Kind::decode && bench_.on_cpu()) {
      all.push_back({id, "bandwidth_fraction", std::nullopt, bench_.number("gate", "implausible_fraction"),
                     bench_.criteria().source() + ", implausible", true, Verdict::untrusted});
    }
    if (spec.kind != Kind::against_prefill && spec.kind != Kind::against_decode) continue;
    all.push_back({id, "speed_ratio_high", least, std::nullopt, source, true, Verdict::regressed});
    all.push_back({id, "speed_ratio_low", least, std::nullopt, source, true, Verdict::untrusted});
  }
  if (gate_) {
    for (Expectation& expectation : gate_->expectations(ids_)) all.push_back(std::move(expectation));
  }
  return all;
}

Result PerfSuite::measure(const std::string& id, const Spec& spec, int attempt) {
  switch (spec.kind) {
    case Kind::load:
      return measure_load(bench_, spec);
    case Kind::prefill:
      return measure_prefill(bench_, spec);
    case Kind::decode:
      return measure_decode(bench_, spec, [&](double bytes_per_token) {
        return gate_ ? gate_->expected_fraction(id, bytes_per_token) : std::nullopt;
      });
    case Kind::together:
      return measure_together(bench_, spec);
    case Kind::speculated:
      return measure_speculated(bench_, spec);
    case Kind::against_prefill:
    case Kind::against_decode:
      return measure_against(bench_, spec, attempt);
    case Kind::baseline:
      return gate_->summary();
  }
  fail(ErrorKind::internal, "a case of no kind");
}

Result PerfSuite::compared(const std::string& id, const Spec& spec, int attempt) {
  Result result = measure(id, spec, attempt);
  result.case_id = id;
  if (gate_ && spec.kind != Kind::baseline) gate_->compare(result);
  return result;
}

/// With the verdict and the reason that the judge will give it.
Result PerfSuite::judged(Result result) {
  harness::judge(result, expectations());
  return result;
}

/// A regression stays one unless a second measurement passes. What is merely uncertain gets no second chance where the
/// verdict states an error: two tries at passing would double it.
bool PerfSuite::measured_again(const std::string& id, const Spec& spec, Verdict verdict) const {
  if (spec.kind == Kind::baseline) return false;
  const bool states_error =
      spec.kind == Kind::against_prefill || spec.kind == Kind::against_decode || (gate_ && gate_->knows(id));
  return verdict == Verdict::regressed || (verdict == Verdict::untrusted && !states_error);
}

Result PerfSuite::run(const Case& item) {
  const Spec spec = specs_.at(item.id);
  Result measured = compared(item.id, spec, 0);
  const Result first = judged(measured);
  const Verdict verdict = first.verdict;
  if (!measured_again(item.id, spec, verdict)) return measured;
  if (bench_.rerun()) bench_.rerun()(item.id, verdict, first.reason);
  Result second = compared(item.id, spec, 1);
  const Verdict again = judged(second).verdict;
  second.details["first_measurement"] = to_json(first);
  if (verdict == Verdict::regressed && (again == Verdict::passed || again == Verdict::warned)) {
    second.verdict = Verdict::untrusted;
    second.reason = "the first measurement regressed, the second passed";
  } else if (verdict == Verdict::regressed && (again == Verdict::untrusted || again == Verdict::skipped)) {
    second.verdict = Verdict::regressed;
    second.reason = "the first measurement regressed, and the second did not clear it";
  }
  return second;
}

void PerfSuite::describe(Report& report) {
  report.subject = json::object{{"name", "engine"}, {"mock", false}, {"device", bench_.device_name()}};
  report.notes["table"] = bench_.table().name;
  report.notes["device"] = bench_.device_name();
  report.notes["machine_class"] = harness::machine_class(environment_);
  report.notes["seed"] = bench_.seed(0);
  report.notes["sample_seconds"] = bench_.number("sample", "seconds");
  report.notes["margin"] = bench_.number("gate", "margin");
  json::array looks;
  for (const harness::Look& look : harness::kLooks) looks.push_back(look.pairs);
  report.notes["looks"] = std::move(looks);
  report.notes["overall_error"] = harness::kStatedError;
  report.notes["criteria_source"] = bench_.criteria().source();
  report.notes["models"] = bench_.models_note();
  if (gate_) report.notes["baseline"] = gate_->note();
  if (bench_.receipt_note) report.notes[harness::kReceiptNote] = *bench_.receipt_note;
}

void PerfSuite::finished(const Report& report) {
  if (!bench_.options().flag("promote")) return;
  const auto print = [this](const std::string& line) {
    if (bench_.progress()) bench_.progress()(line);
  };
  const std::string why = harness::why_not_promotable(report);
  if (!why.empty() && report.outcome.exit_code != 0 && !bench_.options().flag("force")) {
    print("not promoted to a baseline: " + why);  // the exit code says so already
    return;
  }
  const auto path = harness::promote(report, bench_.options().text("baselines"), bench_.options().flag("force"));
  print("promoted to the baseline " + path.string());
}

}  // namespace

std::span<const OptionRow> option_rows() noexcept { return kOptions; }

std::unique_ptr<harness::Suite> make(const harness::SuiteContext& context) {
  return std::make_unique<PerfSuite>(context);
}

}  // namespace bh::suites::perf
