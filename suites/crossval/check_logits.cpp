// Teacher-forced logits: the same tokens position by position on both sides; the reference beside itself, as the
// yardstick of deep models; our default numerics beside the modes that copy the reference's rounding; two references
// side by side.
#include <fmt/format.h>

#include <cmath>

#include "harness/judge/teacher_forced.h"
#include "suites/crossval/checks.h"

namespace bh::suites::crossval {

using engine::Numerics;
using harness::LogitComparison;
using harness::Result;
using harness::RowComparison;

namespace {

/// All prompts' rows, and a table with one object per prompt: its figures, and per position a list of each.
struct Rows {
  std::vector<RowComparison> rows;
  json::array prompts;

  void take(const harness::RecordedRun& run, const LogitComparison& all) {
    using Figure = double (*)(const RowComparison&);
    static constexpr std::pair<const char*, Figure> kFigures[] = {
        {"cosine", [](const RowComparison& row) { return row.cosine; }},
        {"l2", [](const RowComparison& row) { return row.l2; }},
        {"max_abs", [](const RowComparison& row) { return row.max_abs; }},
        {"mse", [](const RowComparison& row) { return row.mse; }},
        {"kl", [](const RowComparison& row) { return row.kl; }},
        {"difference_std", [](const RowComparison& row) { return row.max_difference; }},
        {"gap_std", [](const RowComparison& row) { return row.gap; }},
        {"same_top1", [](const RowComparison& row) { return row.same_argmax ? 1.0 : 0.0; }},
        {"top5_share", [](const RowComparison& row) { return row.top5; }}};
    json::object item{{"prompt", one_line(run.prompt)},
                      {"prompt_tokens", run.prompt_ids.size()},
                      {"positions", all.rows.size()},
                      {"min_cosine", all.min_cosine},
                      {"median_difference_std", all.median_difference},
                      {"max_difference_std", all.max_difference}};
    for (const auto& [name, figure] : kFigures) {
      json::array values;
      for (const RowComparison& row : all.rows) {
        const double value = row.finite ? figure(row) : NAN;
        values.push_back(std::isfinite(value) ? json::value(value) : json::value(nullptr));
      }
      item[name] = std::move(values);
    }
    prompts.push_back(std::move(item));
    rows.insert(rows.end(), all.rows.begin(), all.rows.end());
  }
};

void check_shape(const std::vector<float>& ours, const harness::RecordedRun& run) {
  if (ours.size() == run.logits.size()) return;
  throw LaneError({"cannot", fmt::format("the reference's vocabulary has {} entries, ours {}", run.n_vocab,
                                         ours.size() / run.all_ids().size())});
}

/// Our logits on the reference's path, in its own batches.
Rows compare(Bench& bench, const std::vector<Evidence>& evidence, Numerics numerics) {
  Rows rows;
  for (const Evidence& each : evidence) {
    bench.progress(
        fmt::format("{} positions of {}, {}", each.run.all_ids().size(), each.run.name, to_string(numerics)));
    const auto ours = harness::teacher_forced(bench.backend(), each.run.all_ids(), each.together, numerics);
    check_shape(ours, each.run);
    rows.take(each.run, harness::compare_logits(ours, each.run.logits, each.run.n_vocab, bench.tolerance()));
  }
  return rows;
}

void add_figures(Result& result, const LogitComparison& all) {
  add(result, "positions", static_cast<double>(all.rows.size()));
  add(result, "finite", all.finite ? 1 : 0);
  add(result, "min_cosine", all.min_cosine);
  add(result, "max_l2", all.max_l2);
  add(result, "max_abs", all.max_abs);
  add(result, "max_mse", all.max_mse);
  add(result, "median_kl", all.median_kl, "nats");
  add(result, "max_kl", all.max_kl, "nats");
  add(result, "top1_share", all.argmax_share);
  add(result, "clear_top1_share", all.clear_argmax_share);
  add(result, "top5_share", all.top5_share);
  add(result, "near_ties", static_cast<double>(all.near_ties));
  add(result, "close_share", all.close_share);
  add(result, "median_difference_std", all.median_difference);
  add(result, "max_difference_std", all.max_difference);
}

/// Ours as a multiple of the reference's own distance; where that is nothing, only nothing is as near.
void add_share_of_self(Result& result, const char* name, double ours, double self) {
  if (self > 0 || ours == 0) {
    add(result, name, self > 0 ? ours / self : 0);
  } else {
    add_missing(result, name, "", "the reference is at no distance from itself");
  }
}

void add_beside_self(Result& result, const LogitComparison& all, const LogitComparison& self) {
  add_share_of_self(result, "median_difference_of_self", all.median_difference, self.median_difference);
  add_share_of_self(result, "max_difference_of_self", all.max_difference, self.max_difference);
  add_share_of_self(result, "median_kl_of_self", all.median_kl, self.median_kl);
  add_share_of_self(result, "max_kl_of_self", all.max_kl, self.max_kl);
  result.details["self"] = json::object{{"min_cosine", self.min_cosine},
                                        {"median_difference_std", self.median_difference},
                                        {"max_difference_std", self.max_difference},
                                        {"median_kl", self.median_kl},
                                        {"max_kl", self.max_kl},
                                        {"top1_share", self.argmax_share}};
}

json::object brief(const LogitComparison& all) {
  return {{"min_cosine", all.min_cosine},
          {"median_difference_std", all.median_difference},
          {"max_difference_std", all.max_difference},
          {"max_kl", all.max_kl},
          {"top1_share", all.argmax_share},
          {"clear_top1_share", all.clear_argmax_share}};
}

/// The reference's logits in both modes, on the positions both have. Recorded greedy texts part where the modes
/// disagree.
Rows self_rows(Bench& bench, Lane& lane) {
  const std::vector<Evidence>& batch = lane.evidence(Numerics::reference_batch);
  const std::vector<Evidence>& single = lane.evidence(Numerics::reference_single);
  Rows rows;
  for (const Evidence& one : single) {
    for (const Evidence& other : batch) {
      if (one.run.prompt_ids != other.run.prompt_ids) continue;
      const auto ids = one.run.all_ids(), its = other.run.all_ids();
      std::size_t same = 0;
      while (same < ids.size() && same < its.size() && ids[same] == its[same]) ++same;
      const std::size_t count = same * static_cast<std::size_t>(one.run.n_vocab);
      rows.take(one.run,
                harness::compare_logits(std::span(one.run.logits).first(count),
                                        std::span(other.run.logits).first(count), one.run.n_vocab, bench.tolerance()));
      break;
    }
  }
  if (rows.rows.empty()) throw LaneError({"missing", "no prompt was evaluated in both modes"});
  return rows;
}

}  // namespace

LogitComparison self_distance(Bench& bench, Lane& lane) {
  return harness::summarise(self_rows(bench, lane).rows, bench.tolerance());
}

Result check_logits(Bench& bench, Lane& lane, Numerics mode) {
  Rows rows = compare(bench, lane.evidence(mode), mode);
  Result result;
  const LogitComparison all = harness::summarise(std::move(rows.rows), bench.tolerance());
  add_figures(result, all);
  add_beside_self(result, all, self_distance(bench, lane));
  result.details["reference"] = lane.name();
  result.details["mode"] = std::string(to_string(mode));
  result.details["prompts"] = std::move(rows.prompts);
  return result;
}

Result check_self(Bench& bench, Lane& lane) {
  Rows rows = self_rows(bench, lane);
  Result result;
  add_figures(result, harness::summarise(std::move(rows.rows), bench.tolerance()));
  result.details["reference"] = lane.name();
  result.details["prompts"] = std::move(rows.prompts);
  return result;
}

Result check_bridge(Bench& bench, Lane& lane) {
  const std::vector<Evidence>& evidence = lane.evidence(Numerics::reference_batch);
  Rows rows = compare(bench, evidence, Numerics::one_answer);
  Rows to_batch, to_single, modes;
  for (const Evidence& each : evidence) {
    const auto ids = each.run.all_ids();
    const auto with = [&](Numerics numerics) {
      return harness::teacher_forced(bench.backend(), ids, each.together, numerics);
    };
    const auto own = with(Numerics::one_answer), batch = with(Numerics::reference_batch),
               single = with(Numerics::reference_single);
    to_batch.take(each.run, harness::compare_logits(own, batch, each.run.n_vocab, bench.tolerance()));
    to_single.take(each.run, harness::compare_logits(own, single, each.run.n_vocab, bench.tolerance()));
    modes.take(each.run, harness::compare_logits(single, batch, each.run.n_vocab, bench.tolerance()));
  }
  Result result;
  const LogitComparison all = harness::summarise(std::move(rows.rows), bench.tolerance());
  add_figures(result, all);
  add_beside_self(result, all, self_distance(bench, lane));
  const auto sum = [&](Rows& each) { return brief(harness::summarise(std::move(each.rows), bench.tolerance())); };
  result.details["reference"] = lane.name();
  result.details["one_answer_to_reference_batch"] = sum(to_batch);
  result.details["one_answer_to_reference_single"] = sum(to_single);
  result.details["reference_single_to_reference_batch"] = sum(modes);
  result.details["prompts"] = std::move(rows.prompts);
  return result;
}

Result check_lanes(Bench& bench) {
  const std::vector<Evidence>& a = bench.lane().evidence(Numerics::reference_batch);
  Rows rows;
  for (const Evidence& each : a) {
    const std::vector<float> b = bench.lane_b().logits(each.run.all_ids());
    check_shape(b, each.run);
    rows.take(each.run, harness::compare_logits(b, each.run.logits, each.run.n_vocab, bench.tolerance()));
  }
  Result result;
  const LogitComparison all = harness::summarise(std::move(rows.rows), bench.tolerance());
  add_figures(result, all);
  add_beside_self(result, all, self_distance(bench, bench.lane()));
  result.details["lane_a"] = bench.lane().name();
  result.details["lane_b"] = bench.lane_b().name();
  result.details["prompts"] = std::move(rows.prompts);
  return result;
}

}  // namespace bh::suites::crossval
