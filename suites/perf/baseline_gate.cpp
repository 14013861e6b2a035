#include "suites/perf/baseline_gate.h"

#include <algorithm>
#include <tuple>

#include "engine/base/error.h"
#include "harness/core/exhibits.h"
#include "harness/judge/machine.h"

namespace bh::suites::perf {

using harness::Expectation;
using harness::Metric;
using harness::Result;
using harness::Verdict;

namespace {

constexpr const char* kFraction = "bandwidth_fraction";

std::vector<Band> read_bands(const harness::Criteria& criteria) {
  const std::string where = criteria.source() + ", bands";
  std::vector<Band> bands;
  for (const json::value& item : criteria.list("bands")) {
    if (!item.is_object()) fail(ErrorKind::setup, "{} holds something that is no object", where);
    const json::object& row = item.get_object();
    const std::string better = get_string(row, "better", where);
    if (better != "higher" && better != "lower") fail(ErrorKind::setup, "{}: better is higher or lower", where);
    bands.push_back({get_string(row, "metric", where), better == "higher", get_number(row, "warning", where),
                     get_number(row, "critical", where)});
  }
  return bands;
}

std::string text_of(const Result& result, std::string_view key) {
  const json::value* value = find(result.details, key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

const Metric* value_of(const Result& result, std::string_view name) {
  const Metric* metric = result.find_metric(name);
  return metric != nullptr && metric->value && *metric->value > 0 ? metric : nullptr;
}

/// How far down the interval of a stored f reaches, as a share of it.
double certainty_of(const Result& then) {
  const Metric* fraction = value_of(then, kFraction);
  const Metric* low = value_of(then, std::string(kFraction) + "_low");
  return fraction != nullptr && low != nullptr ? std::min(1.0, *low->value / *fraction->value) : 1;
}

}  // namespace

BaselineGate::BaselineGate(const std::string& path, const harness::Criteria& criteria, double margin,
                           const harness::Environment& here)
    : path_(path), bands_(read_bands(criteria)), margin_(margin) {
  try {
    baseline_ = harness::read_baseline(path);
  } catch (const Error& error) {
    why_not_ = error.what();
    return;
  }
  same_machine_ = baseline_->fingerprint == harness::machine_fingerprint(here);
  if (baseline_->report.suite != "perf") {
    why_not_ = fmt::format("{} is a report of the suite {}, not of perf", path, baseline_->report.suite);
  } else if (const std::string ours = harness::machine_class(here); ours != baseline_->machine_class) {
    why_not_ = fmt::format("{} was measured on the machine class {}, this is {}: nothing carries over", path,
                           baseline_->machine_class, ours);
  }
}

const Result* BaselineGate::stored(const std::string& case_id) const noexcept {
  if (!baseline_ || !why_not_.empty()) return nullptr;
  for (const Result& result : baseline_->report.results) {
    if (result.case_id == case_id) return &result;
  }
  return nullptr;
}

/// f in the whole class; on the same machine any speed.
bool BaselineGate::can_gate(const Result& then) const noexcept {
  if (value_of(then, kFraction) != nullptr) return true;
  return same_machine_ && std::any_of(bands_.begin(), bands_.end(),
                                      [&](const Band& band) { return value_of(then, band.metric) != nullptr; });
}

bool BaselineGate::knows(const std::string& case_id) const noexcept {
  const Result* then = stored(case_id);
  return then != nullptr && can_gate(*then);
}

std::optional<StoredFraction> BaselineGate::expected_fraction(const std::string& case_id,
                                                              double bytes_per_token) const {
  const Result* then = stored(case_id);
  const Metric* fraction = then != nullptr ? value_of(*then, kFraction) : nullptr;
  if (fraction == nullptr) return std::nullopt;
  Result now;
  harness::add(now, "bytes_per_token", bytes_per_token, "bytes");
  return StoredFraction{*fraction->value / harness::same_bytes_factor(now, *then), certainty_of(*then)};
}

std::vector<Expectation> BaselineGate::expectations(const std::vector<std::string>& case_ids) const {
  std::vector<Expectation> all;
  for (const std::string& id : case_ids) {
    const Result* then = stored(id);
    if (then == nullptr) continue;
    const auto add = [&](const std::string& metric, std::optional<double> min, std::optional<double> max,
                         Verdict on_violation, const std::string& why) {
      all.push_back({id, metric, min, max, fmt::format("{}, {}", path_, why), true, on_violation});
    };
    if (!text_of(*then, "logits_hash").empty()) {
      add("answer_equals_baseline", 1, std::nullopt, Verdict::failed, "same model, same answer");
    }
    if (const Metric* fraction = value_of(*then, kFraction)) {
      const double certainty = certainty_of(*then);
      const std::string why = fmt::format("f {:.4f}, known down to {:.4f}, margin {:g}", *fraction->value,
                                          certainty * *fraction->value, margin_);
      add("baseline_ratio_high", (1 - margin_) * certainty, std::nullopt, Verdict::regressed, why);
      add("baseline_ratio_low", 1 - margin_, std::nullopt, Verdict::untrusted, why);
    }
    if (!same_machine_) continue;
    for (const Band& band : bands_) {
      const Metric* metric = value_of(*then, band.metric);
      if (metric == nullptr) continue;
      for (const auto& [share, verdict, name] : {std::tuple(band.warning, Verdict::warned, "warning"),
                                                 std::tuple(band.critical, Verdict::regressed, "critical")}) {
        const double bound = share * *metric->value;
        const std::string why = fmt::format("same machine, {} band {:g}", name, share);
        band.higher_is_better ? add(band.metric, bound, std::nullopt, verdict, why)
                              : add(band.metric, std::nullopt, bound, verdict, why);
      }
    }
  }
  return all;
}

void BaselineGate::add_ratio(Result& result, const Result& then) const {
  const Metric* before = value_of(then, kFraction);
  if (before == nullptr || value_of(result, kFraction) == nullptr) return;
  const double bytes = harness::same_bytes_factor(result, then);
  for (const std::string suffix : {"", "_low", "_high"}) {
    const Metric* now = value_of(result, kFraction + suffix);
    if (now != nullptr) harness::add(result, "baseline_ratio" + suffix, *now->value * bytes / *before->value);
  }
}

void BaselineGate::add_comparison(Result& result, const Metric& now, const Metric& then, bool gated,
                                  bool higher_is_better) const {
  harness::Comparison comparison;
  comparison.kind = "baseline";
  comparison.candidate = "engine";
  comparison.against = path_;
  comparison.metric = now.name;
  comparison.unit = now.unit;
  comparison.candidate_value = now.value;
  comparison.against_value = then.value;
  const auto ratio = [&](double value) { return higher_is_better ? value / *then.value : *then.value / value; };
  comparison.ratio = ratio(*now.value);
  comparison.conclusion = gated ? "gated" : "not gated: another machine";
  if (now.name == kFraction) {
    if (const Metric* ours = value_of(result, "baseline_ratio")) comparison.ratio = ours->value;
    if (const Metric* low = value_of(result, "baseline_ratio_low")) comparison.low = low->value;
    if (const Metric* high = value_of(result, "baseline_ratio_high")) comparison.high = high->value;
    comparison.margin = margin_;
    const double least = 1 - margin_;
    const bool known = comparison.low && comparison.high;
    const double failing = least * certainty_of(*stored(result.case_id));
    comparison.conclusion = known && *comparison.high < failing ? "fail"
                            : known && *comparison.low >= least ? "pass"
                                                                : "inconclusive";
  }
  harness::add_exhibit(result, comparison);
}

void BaselineGate::compare(Result& result) {
  const Result* then = stored(result.case_id);
  const bool ran = result.verdict != Verdict::skipped && result.verdict != Verdict::errored;
  if (then == nullptr || !ran) return;
  const bool same_model = text_of(*then, "model_sha256") == text_of(result, "model_sha256");
  if (!same_model) other_models_.insert(result.case_id);
  if (!text_of(*then, "logits_hash").empty()) {
    if (!same_model) {
      harness::add_missing(result, "answer_equals_baseline", "", "the baseline was measured on another model file");
    } else {
      const bool same = text_of(*then, "logits_hash") == text_of(result, "logits_hash") &&
                        text_of(*then, "tokens_hash") == text_of(result, "tokens_hash");
      harness::add(result, "answer_equals_baseline", same ? 1 : 0);
    }
  }
  bool any = false;
  const auto look_at = [&](const std::string& name, bool gated, bool higher_is_better) {
    const Metric* before = value_of(*then, name);
    const Metric* now = value_of(result, name);
    if (before == nullptr || now == nullptr) return;
    any = any || gated;
    add_comparison(result, Metric(*now), *before, gated, higher_is_better);
  };
  add_ratio(result, *then);
  look_at(kFraction, true, true);
  for (const Band& band : bands_) look_at(band.metric, same_machine_, band.higher_is_better);
  if (any && same_model) gated_.insert(result.case_id);
}

Result BaselineGate::summary() const {
  if (!why_not_.empty()) return harness::skipped("missing baseline: " + why_not_);
  Result result;
  json::array ungated;
  for (const Result& then : baseline_->report.results) {
    if (can_gate(then) && gated_.count(then.case_id) == 0) ungated.emplace_back(then.case_id);
  }
  harness::add(result, "gated_cases", static_cast<double>(gated_.size()));
  harness::add(result, "ungated_cases", static_cast<double>(ungated.size()));
  harness::add(result, "other_models", static_cast<double>(other_models_.size()));
  result.details = note();
  if (!ungated.empty()) result.details["ungated"] = std::move(ungated);
  return result;
}

json::object BaselineGate::note() const {
  json::object note{{"path", path_}, {"gates", why_not_.empty()}};
  if (!why_not_.empty()) note["why_not"] = why_not_;
  if (baseline_) {
    note["machine_class"] = baseline_->machine_class;
    note["same_machine"] = same_machine_;
    note["started_at"] = baseline_->report.started_at;
    note["git_describe"] = baseline_->report.environment.git_describe;
  }
  return note;
}

}  // namespace bh::suites::perf
