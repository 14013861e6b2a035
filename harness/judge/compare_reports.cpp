#include "harness/judge/compare_reports.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/core/exhibits.h"
#include "harness/core/statistics.h"
#include "harness/judge/baseline.h"
#include "harness/judge/judge.h"
#include "harness/judge/machine.h"

namespace bh::harness {
namespace {

constexpr std::size_t kMinSamples = 5;

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

/// Carries over between machines of a class.
bool is_share(std::string_view metric) { return ends_with(metric, "bandwidth_fraction") || metric == "speed_ratio"; }

MedianInterval interval_of(const Metric& metric) {
  if (metric.samples.empty()) return {*metric.value, *metric.value, 1, 1};
  return median_interval(metric.samples);
}

const Result* result_of(const Report& report, const std::string& case_id) {
  for (const Result& result : report.results) {
    if (result.case_id == case_id) return &result;
  }
  return nullptr;
}

/// The first of the answer's hashes that both results have and that differs; empty = none does.
std::string changed_answer(const Result& now, const Result& before) {
  for (const char* name : {"tokens_hash", "logits_hash"}) {
    const json::value* ours = find(now.details, name);
    const json::value* theirs = find(before.details, name);
    if (ours != nullptr && theirs != nullptr && *ours != *theirs) return name;
  }
  return {};
}

/// By their hashes, where a run's notes hold them.
bool same_models(const Report& a, const Report& b) {
  const json::value* ours = find(a.notes, "models");
  const json::value* theirs = find(b.notes, "models");
  if (ours == nullptr || theirs == nullptr || !ours->is_object() || !theirs->is_object()) return true;
  for (const auto& [name, model] : ours->get_object()) {
    const json::value* other = find(theirs->get_object(), name);
    if (other == nullptr || !model.is_object() || !other->is_object()) continue;
    const json::value* hash = find(model.get_object(), "sha256");
    const json::value* other_hash = find(other->get_object(), "sha256");
    if (hash != nullptr && other_hash != nullptr && *hash != *other_hash) return false;
  }
  return true;
}

/// What says which way is better, and can be divided.
bool is_usable(const Metric& metric) {
  return better_direction(metric.name) && metric.value && *metric.value > 0 &&
         std::all_of(metric.samples.begin(), metric.samples.end(), [](double x) { return std::isfinite(x); });
}

/// Whether a run like it, on its machine, could be judged by it: a load that is timed three times never is.
bool is_judgeable(const Result& result) {
  return std::any_of(result.metrics.begin(), result.metrics.end(),
                     [](const Metric& metric) { return is_usable(metric) && metric.samples.size() >= kMinSamples; });
}

bool is_green(Verdict verdict) { return verdict == Verdict::passed || verdict == Verdict::warned; }

class Comparer {
 public:
  Comparer(const Report& before, const Report& now, double margin)
      : before_(before),
        now_(now),
        margin_(margin),
        same_machine_(machine_fingerprint(before.environment) == machine_fingerprint(now.environment)),
        same_class_(machine_class(before.environment) == machine_class(now.environment)),
        same_models_(same_models(before, now)) {}

  Report report() {
    Report all = now_;
    all.suite = "compare";
    all.strict = false;
    all.interrupted_by_signal = 0;  // that run was, not the comparison
    all.cases.clear();
    all.results.clear();
    all.expectations.clear();
    all.notes = {{"before", about(before_)},
                 {"now", about(now_)},
                 {"margin", margin_},
                 {"same_machine", same_machine_},
                 {"same_class", same_class_}};
    for (const auto& [side, run] : {std::pair("before", &before_), std::pair("now", &now_)})
      add_ending(all, side, *run);
    for (const Result& result : now_.results) add_case(all, result, result_of(before_, result.case_id));
    for (const Result& result : before_.results) {
      if (result_of(now_, result.case_id) != nullptr) continue;
      add(all, result.case_id, skipped("only the run before has it: nothing is known of it now"));
      require(all, result.case_id);
    }
    // Where no case binds, nothing could be told: that is no success either.
    if (all.expectations.empty()) {
      for (const Result& result : now_.results) require(all, result.case_id);
    }
    judge(all);
    return all;
  }

 private:
  static json::object about(const Report& report) {
    return {{"suite", report.suite},
            {"started_at", report.started_at},
            {"git_describe", report.environment.git_describe},
            {"fingerprint", machine_fingerprint(report.environment)},
            {"exit_code", report.outcome.exit_code}};
  }

  static void require(Report& all, const std::string& id) {
    all.expectations.push_back({"compare/" + id, "", std::nullopt, std::nullopt, "compare", true, Verdict::failed});
  }

  void add(Report& all, const std::string& id, Result result) const {
    Case item;
    item.id = "compare/" + id;
    for (const Report* source : {&before_, &now_}) {
      if (const Case* found = source->find_case(id)) {
        item.title = found->title;
        item.repro = found->repro;
      }
    }
    result.case_id = item.id;
    all.cases.push_back(std::move(item));
    all.results.push_back(std::move(result));
  }

  /// A run that was cut off leaves the comparison inconclusive: it lacks cases, or what they would have said.
  void add_ending(Report& all, const std::string& side, const Report& run) const {
    if (run.interrupted_by_signal == 0) return;
    Result result;
    result.verdict = Verdict::untrusted;
    result.reason = fmt::format("the run {} was ended by signal {}; run it again", side, run.interrupted_by_signal);
    add(all, "run-" + side, std::move(result));
    require(all, "run-" + side);
  }

  void add_case(Report& all, const Result& now, const Result* before) const {
    if (before == nullptr) return add(all, now.case_id, skipped("only the run now has it"));
    Result result;
    if (!is_green(now.verdict)) {
      result.verdict = now.verdict;
      result.reason = fmt::format("{} before; now: {}", to_string(before->verdict), now.reason);
      result.error_kind = now.error_kind;
    } else if (!same_models_) {
      result.verdict = Verdict::untrusted;
      result.reason = "the two runs measured different models";
    } else if (const std::string changed = changed_answer(now, *before); !changed.empty()) {
      result.verdict = Verdict::failed;
      result.reason = fmt::format("{} is not what it was before: another answer, however fast", changed);
    }
    // What was green must not become untold in silence.
    if (!is_green(result.verdict) && (is_green(before->verdict) || !same_models_)) require(all, now.case_id);
    bool any = false;
    for (const Metric& metric : now.metrics) any = add_metric(all, result, now, metric, *before) || any;
    if (!any && is_green(result.verdict)) {
      result =
          skipped("no metric of it could be gated: another machine, too few samples, or none says which is better");
      if (is_green(before->verdict) && is_judgeable(*before)) require(all, now.case_id);
    }
    add(all, now.case_id, std::move(result));
  }

  bool add_metric(Report& all, Result& result, const Result& whole, const Metric& now, const Result& before) const {
    const auto better = better_direction(now.name);
    const Metric* then = before.find_metric(now.name);
    if (!is_usable(now) || then == nullptr || !is_usable(*then)) return false;
    const MedianInterval ours = interval_of(now), theirs = interval_of(*then);
    const bool higher = *better == Better::higher;
    const double bytes = ends_with(now.name, "bandwidth_fraction") ? same_bytes_factor(whole, before) : 1;
    const double ratio = higher ? bytes * *now.value / *then->value : *then->value / *now.value;
    const double low = higher ? bytes * ours.low / theirs.high : theirs.low / ours.high;
    const double high = higher ? bytes * ours.high / theirs.low : theirs.high / ours.low;
    const bool enough = std::min(now.samples.size(), then->samples.size()) >= kMinSamples;
    const bool comparable = is_share(now.name) ? same_class_ : same_machine_;
    const bool gated = enough && comparable;
    harness::add(result, now.name + "_ratio", ratio);
    harness::add(result, now.name + "_ratio_low", low);
    harness::add(result, now.name + "_ratio_high", high);
    if (gated) {
      const std::string source = fmt::format("compare, margin {:g}", margin_);
      for (const auto& [end, verdict] : {std::pair("high", Verdict::regressed), std::pair("low", Verdict::untrusted)}) {
        all.expectations.push_back({"compare/" + whole.case_id, fmt::format("{}_ratio_{}", now.name, end), 1 - margin_,
                                    std::nullopt, source, true, verdict});
      }
    }
    Comparison shown;
    shown.kind = "baseline";
    shown.candidate = "now";
    shown.against = "before";
    shown.metric = now.name;
    shown.unit = now.unit;
    shown.candidate_value = now.value;
    shown.against_value = then->value;
    shown.ratio = ratio;
    shown.low = low;
    shown.high = high;
    shown.margin = margin_;
    shown.conclusion = !comparable          ? "not gated: another machine"
                       : !enough            ? "not gated: too few samples"
                       : high < 1 - margin_ ? "fail"
                       : low < 1 - margin_  ? "inconclusive"
                                            : "pass";
    add_exhibit(result, shown);
    return gated;
  }

  const Report& before_;
  const Report& now_;
  const double margin_;
  const bool same_machine_;
  const bool same_class_;
  const bool same_models_;
};

}  // namespace

std::optional<Better> better_direction(std::string_view metric) noexcept {
  // The machine's own and the rival's figures, and bounds of intervals, are nobody's merit.
  if (starts_with(metric, "read_") || starts_with(metric, "reference_") || starts_with(metric, "their_") ||
      ends_with(metric, "_low") || ends_with(metric, "_high")) {
    return std::nullopt;
  }
  if (ends_with(metric, "_per_second") || is_share(metric)) return Better::higher;
  for (const std::string_view unit : {"_ms", "_ns", "_seconds", "peak_resident_bytes", "bytes_per_token"}) {
    if (ends_with(metric, unit)) return Better::lower;
  }
  return std::nullopt;
}

Report compare_reports(const Report& before, const Report& now, double margin) {
  return Comparer(before, now, margin).report();
}

}  // namespace bh::harness
