// AC7: the same tokens give the same logits as bitnet.cpp's, recorded beside the model with its hash.
#include "engine/base/error.h"
#include "harness/judge/compare_logits.h"
#include "harness/judge/teacher_forced.h"
#include "suites/acceptance/cases.h"

namespace bh::suites::acceptance {

using engine::Numerics;
using engine::TokenId;
using harness::LogitComparison;
using harness::RecordedRun;
using harness::Result;

namespace {

/// Gap of the reference's two best where `ids` first leaves the recorded path, in units of the row's std.
struct Divergence {
  std::int64_t index = -1;
  double gap = 0;
};

Divergence first_divergence(const std::vector<TokenId>& ids, const RecordedRun& run, const LogitComparison& rows) {
  for (std::size_t i = 0; i < run.greedy_ids.size(); ++i) {
    if (i < ids.size() && ids[i] == run.greedy_ids[i]) continue;
    return {static_cast<std::int64_t>(i), rows.rows[run.prompt_ids.size() - 1 + i].gap};
  }
  return {};
}

/// The worst over all runs of one mode, and each run's own line.
struct Worst {
  double min_cosine = 1, close = 0, clear_argmax = 0, argmax = 0, max_kl = 0, max_difference = 0;
  std::int64_t positions = 0, near_ties = 0;
  json::array runs;

  void take(const RecordedRun& run, const LogitComparison& all) {
    const auto n = static_cast<double>(all.rows.size());
    min_cosine = std::min(min_cosine, all.min_cosine);
    max_kl = std::max(max_kl, all.max_kl);
    max_difference = std::max(max_difference, all.max_difference);
    close += all.close_share * n;
    argmax += all.argmax_share * n;
    clear_argmax += all.clear_argmax_share * (n - static_cast<double>(all.near_ties));
    positions += static_cast<std::int64_t>(all.rows.size());
    near_ties += all.near_ties;
    runs.push_back(json::object{{"run", run.name},
                                {"positions", all.rows.size()},
                                {"min_cosine", all.min_cosine},
                                {"close_share", all.close_share},
                                {"argmax_share", all.argmax_share},
                                {"near_ties", all.near_ties},
                                {"median_difference_std", all.median_difference},
                                {"max_difference_std", all.max_difference}});
  }
};

void add_metrics(Result& result, const Worst& worst) {
  const auto n = static_cast<double>(worst.positions);
  const double clear = n - static_cast<double>(worst.near_ties);
  add(result, "positions", n);
  add(result, "min_cosine", worst.min_cosine);
  add(result, "close_share", worst.close / n);
  add(result, "clear_argmax_share", clear > 0 ? worst.clear_argmax / clear : 1);
  add(result, "argmax_share", worst.argmax / n);
  add(result, "near_ties", static_cast<double>(worst.near_ties));
  add(result, "max_kl", worst.max_kl, "nats");
  add(result, "max_difference_std", worst.max_difference);
}

harness::LogitTolerance tolerance(Workbench& bench) {
  return {bench.number("ac7", "close_std"), bench.number("ac7", "tie_std")};
}

/// Compares `numerics` with what was recorded in `recorded_mode`.
Result compare(Workbench& bench, Numerics recorded_mode, Numerics numerics) {
  const auto recorded = bench.recorded();
  if (!recorded) return skipped(recorded.why_not);
  Worst worst;
  for (const RecordedRun& run : recorded.value->runs) {
    if (run.numerics != recorded_mode) continue;
    const auto logits = harness::teacher_forced(bench.backend(), run.all_ids(), run.prompt_ids.size(), numerics);
    worst.take(run, harness::compare_logits(logits, run.logits, run.n_vocab, tolerance(bench)));
  }
  if (worst.positions == 0) return skipped("nothing was recorded in this mode");
  Result result;
  add_metrics(result, worst);
  result.details["reference"] = recorded.value->reference_name();
  result.details["recorded_mode"] = std::string(engine::to_string(recorded_mode));
  result.details["numerics"] = std::string(engine::to_string(numerics));
  result.details["runs"] = std::move(worst.runs);
  return result;
}

/// A subject elsewhere has one way to compute, whatever that is: it is compared with both recorded ones.
Result compare_subject(Workbench& bench) {
  const auto recorded = bench.recorded();
  if (!recorded) return skipped(recorded.why_not);
  if (const std::string why = bench.why_not({harness::Ability::logits}); !why.empty()) return skipped(why);
  Worst worst;
  for (const RecordedRun& run : recorded.value->runs) {
    const auto logits = bench.tested().logits(run.all_ids());
    if (logits.size() != run.logits.size()) {
      fail(ErrorKind::setup, "the subject gave {} logits where {} are recorded: it runs another model", logits.size(),
           run.logits.size());
    }
    worst.take(run, harness::compare_logits(logits, run.logits, run.n_vocab, tolerance(bench)));
  }
  Result result;
  add_metrics(result, worst);
  result.details["reference"] = recorded.value->reference_name();
  result.details["numerics"] = bench.tested().describe().numerics;
  result.details["runs"] = std::move(worst.runs);
  return result;
}

Result compare_subject_greedy(Workbench& bench) {
  const auto recorded = bench.recorded();
  if (!recorded) return skipped(recorded.why_not);
  if (const std::string why = bench.why_not({harness::Ability::generate}); !why.empty()) return skipped(why);
  std::int64_t equal = 0, clear = 0;
  json::array runs;
  for (const RecordedRun& run : recorded.value->runs) {
    engine::GenerateOptions options;
    options.max_tokens = static_cast<std::int32_t>(run.greedy_ids.size());
    options.ignore_eog = true;
    options.sampling.temperature = 0;
    const auto ids = bench.tested().generate(run.prompt_ids, options).ids;
    const LogitComparison rows = harness::compare_logits(run.logits, run.logits, run.n_vocab, tolerance(bench));
    const Divergence first = first_divergence(ids, run, rows);
    equal += first.index < 0 ? 1 : 0;
    clear += first.index < 0 || first.gap <= bench.number("ac7", "tie_std") ? 1 : 0;
    runs.push_back(json::object{{"run", run.name}, {"first_divergence", first.index}, {"gap_there_std", first.gap}});
  }
  const auto n = static_cast<double>(recorded.value->runs.size());
  Result result;
  add(result, "runs", n);
  add(result, "reference_mode_equal_share", static_cast<double>(equal) / n);  // it has no other mode
  add(result, "equal_share", static_cast<double>(equal) / n);
  add(result, "equal_or_tie_share", static_cast<double>(clear) / n);
  result.details["reference"] = recorded.value->reference_name();
  result.details["runs"] = std::move(runs);
  return result;
}

}  // namespace

Result check_reference_batch(Workbench& bench) {
  return compare(bench, Numerics::reference_batch, Numerics::reference_batch);
}

Result check_reference_single(Workbench& bench) {
  return compare(bench, Numerics::reference_single, Numerics::reference_single);
}

Result check_one_answer(Workbench& bench) {
  if (bench.elsewhere()) return compare_subject(bench);
  return compare(bench, Numerics::reference_batch, Numerics::one_answer);
}

Result check_reference_greedy(Workbench& bench) {
  if (bench.elsewhere()) return compare_subject_greedy(bench);
  const auto recorded = bench.recorded();
  if (!recorded) return skipped(recorded.why_not);
  std::int64_t reference_equal = 0, own_equal = 0, own_clear = 0;
  json::array runs;
  for (const RecordedRun& run : recorded.value->runs) {
    const auto replay = [&](Numerics numerics) {
      return harness::greedy(bench.backend(), run.prompt_ids, static_cast<std::int32_t>(run.greedy_ids.size()),
                             numerics);
    };
    const auto same = replay(run.numerics);
    const auto own = replay(Numerics::one_answer);
    reference_equal += same == run.greedy_ids ? 1 : 0;
    const LogitComparison rows = harness::compare_logits(run.logits, run.logits, run.n_vocab, tolerance(bench));
    const Divergence first = first_divergence(own, run, rows);
    own_equal += first.index < 0 ? 1 : 0;
    own_clear += first.index < 0 || first.gap <= bench.number("ac7", "tie_std") ? 1 : 0;
    runs.push_back(json::object{{"run", run.name},
                                {"reference_mode_equal", same == run.greedy_ids},
                                {"one_answer_first_divergence", first.index},
                                {"gap_there_std", first.gap}});
  }
  const auto n = static_cast<double>(recorded.value->runs.size());
  Result result;
  add(result, "runs", n);
  add(result, "reference_mode_equal_share", static_cast<double>(reference_equal) / n);
  add(result, "equal_share", static_cast<double>(own_equal) / n);
  add(result, "equal_or_tie_share", static_cast<double>(own_clear) / n);
  result.details["reference"] = recorded.value->reference_name();
  result.details["runs"] = std::move(runs);
  return result;
}

}  // namespace bh::suites::acceptance
