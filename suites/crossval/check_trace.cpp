// Intermediate results beside the reference's: op by op on its own inputs, and running free, where the first layer and
// op that leaves tolerance is named with its cause.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/core/exhibits.h"
#include "suites/crossval/checks.h"

namespace bh::suites::crossval {

using engine::Numerics;
using engine::TokenId;
using harness::Result;

namespace {

/// The worst of several prompts, point by point. All have the same points in the same order.
void merge(std::vector<PointError>& worst, const std::vector<PointError>& more) {
  if (worst.empty()) {
    worst = more;
    return;
  }
  for (std::size_t i = 0; i < worst.size(); ++i) {
    worst[i].compared = worst[i].compared || more[i].compared;
    if (worst[i].other_shape.empty()) worst[i].other_shape = more[i].other_shape;
    worst[i].relative_error = std::max(worst[i].relative_error, more[i].relative_error);
    worst[i].max_abs = std::max(worst[i].max_abs, more[i].max_abs);
    worst[i].values += more[i].values;
    worst[i].codes += more[i].codes;
    worst[i].flips += more[i].flips;
  }
}

/// The ids of the prompts to trace: the first of each, as many as the criteria say.
std::vector<std::vector<TokenId>> traced_prompts(Bench& bench, Lane& lane) {
  const auto positions = static_cast<std::size_t>(
      bench.options().integer_or("trace-positions", std::llround(bench.number("trace", "positions"))));
  const auto most = static_cast<std::size_t>(std::llround(bench.number("trace", "prompts")));
  std::vector<std::vector<TokenId>> all;
  for (const std::string& text : bench.prompts()) {
    if (all.size() == most) break;
    std::vector<TokenId> ids = lane.tokenize(text);
    ids.resize(std::min({ids.size(), positions, static_cast<std::size_t>(bench.backend().max_rows())}));
    if (ids.size() > 1) all.push_back(std::move(ids));
  }
  if (all.empty()) throw LaneError({"cannot", "no prompt has the two tokens a trace needs"});
  return all;
}

struct Traced {
  std::vector<PointError> errors;
  std::size_t prompts = 0, positions = 0;
};

Traced compare(Bench& bench, Lane& lane, Numerics mode, Feeding feeding) {
  Traced traced;
  // A reference without traces is found out before anything is computed.
  if (!lane.live()) static_cast<void>(lane.trace({}, mode));
  for (const std::vector<TokenId>& ids : traced_prompts(bench, lane)) {
    bench.progress(fmt::format("tracing {} positions, {}", ids.size(), to_string(mode)));
    const Trace reference = lane.trace(ids, mode);
    merge(traced.errors, compare_traces(bench.backend(), ids, mode, reference, feeding));
    ++traced.prompts;
    traced.positions += ids.size();
  }
  return traced;
}

json::value number_or_null(double value) { return std::isfinite(value) ? json::value(value) : json::value(nullptr); }

/// A metric that is not finite would be a missing one; this one fails every bound.
double finite_or_huge(double value) { return std::isfinite(value) ? value : std::numeric_limits<double>::max(); }

void report(Result& result, Lane& lane, Numerics mode, const Traced& traced, double tolerance) {
  json::array points;
  std::int64_t compared = 0, codes = 0, flips = 0, misfits = 0;
  double worst = 0;
  for (const PointError& error : traced.errors) {
    std::optional<double> shown;
    if (error.compared) shown = error.relative_error;
    harness::add_exhibit(result, harness::LayerError{error.layer, error.point, shown, tolerance});
    if (!error.other_shape.empty() && misfits++ == 0) {
      result.reason = fmt::format("{} of layer {}: the reference shows it in the shape {}", error.point, error.layer,
                                  error.other_shape);
    }
    if (!error.compared) continue;
    ++compared;
    codes += error.codes;
    flips += error.flips;
    worst = std::max(worst, error.relative_error);
    points.push_back(json::object{{"layer", error.layer},
                                  {"op", error.point},
                                  {"relative_error", number_or_null(error.relative_error)},
                                  {"max_abs", number_or_null(error.max_abs)},
                                  {"values", error.values},
                                  {"codes", error.codes},
                                  {"flips", error.flips}});
  }
  result.details["reference"] = lane.name();
  result.details["mode"] = std::string(to_string(mode));
  result.details["prompts"] = traced.prompts;
  result.details["positions"] = traced.positions;
  result.details["points"] = std::move(points);
  add(result, "points", static_cast<double>(traced.errors.size()));
  add(result, "compared_share", static_cast<double>(compared) / static_cast<double>(traced.errors.size()));
  add(result, "misfits", static_cast<double>(misfits));
  add(result, "max_relative_error", finite_or_huge(worst));
  add(result, "codes", static_cast<double>(codes));
  add(result, "code_flips", static_cast<double>(flips));
  add(result, "flips_per_100k", codes > 0 ? 1e5 * static_cast<double>(flips) / static_cast<double>(codes) : 0);
}

/// The last point before `at` in its layer whose values become int8 codes.
const PointError* codes_before(const std::vector<PointError>& errors, std::size_t at) {
  for (std::size_t i = at; i-- > 0 && errors[i].layer == errors[at].layer;) {
    if (errors[i].codes > 0) return &errors[i];
  }
  return nullptr;
}

std::string cause_of(const std::vector<PointError>& errors, std::size_t at) {
  const PointError* input = codes_before(errors, at);
  if (input != nullptr && input->flips > 0) {
    return fmt::format(
        "{} of {} int8 codes of {} differ there: its values are {:.1e} apart, and some stand at the border "
        "between two codes",
        input->flips, input->codes, input->point, input->relative_error);
  }
  return "no int8 code differs before it: the op itself, or what its inputs already were apart";
}

}  // namespace

Result check_ops(Bench& bench, Lane& lane, Numerics mode) {
  Result result;
  const double tolerance = bench.number("ops", "tolerance");
  const Traced traced = compare(bench, lane, mode, Feeding::reference_inputs);
  report(result, lane, mode, traced, tolerance);
  const auto worst =
      std::max_element(traced.errors.begin(), traced.errors.end(),
                       [](const PointError& a, const PointError& b) { return a.relative_error < b.relative_error; });
  result.details["worst"] = fmt::format("{} of layer {}", worst->point, worst->layer);
  return result;
}

Result check_trace(Bench& bench, Lane& lane, Numerics mode) {
  Result result;
  const double tolerance = bench.number("trace", "tolerance");
  const Traced traced = compare(bench, lane, mode, Feeding::own_inputs);
  report(result, lane, mode, traced, tolerance);
  const auto& errors = traced.errors;
  const auto first = std::find_if(errors.begin(), errors.end(), [&](const PointError& error) {
    return error.compared && !(error.relative_error <= tolerance);
  });
  add(result, "stays_within", first == errors.end() ? 1 : 0);
  if (first == errors.end()) return result;
  const auto at = static_cast<std::size_t>(first - errors.begin());
  const PointError* input = codes_before(errors, at);
  add(result, "first_layer_out", first->layer);
  result.details["first_out"] = json::object{{"layer", first->layer},
                                             {"op", first->point},
                                             {"relative_error", number_or_null(first->relative_error)},
                                             {"code_flips_before", input == nullptr ? 0 : input->flips},
                                             {"cause", cause_of(errors, at)}};
  return result;
}

}  // namespace bh::suites::crossval
