#include "suites/crossval/trace_compare.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/base/error.h"
#include "engine/runtime/session.h"

namespace bh::suites::crossval {

using engine::Numerics;
using engine::TokenId;

namespace {

/// Points whose values go into matrices; without sub-norms the values before them do.
bool feeds_ternary(std::string_view point, const engine::Model& model) {
  const engine::Layer& layer = model.layers.front();
  if (point == "attn_norm") return layer.q.format->ternary;
  if (point == "attn_sub_norm") return layer.o.format->ternary;
  if (point == "ffn_norm") return layer.gate.format->ternary;
  if (point == "ffn_sub_norm") return layer.down.format->ternary;
  return false;
}

std::int64_t count_flips(std::span<const float> ours, std::span<const float> reference) {
  const auto a = int8_codes(ours), b = int8_codes(reference);
  std::int64_t flips = 0;
  for (std::size_t i = 0; i < a.size(); ++i) flips += a[i] != b[i] ? 1 : 0;
  return flips;
}

PointError compare_point(std::string_view point, int layer, std::span<const float> ours, std::int64_t dim,
                         const Trace::Values* reference, bool ternary) {
  PointError error;
  error.point = point;
  error.layer = layer;
  if (reference == nullptr) return error;
  if (reference->dim != dim || reference->rows.size() != ours.size()) {
    const auto rows = [](std::size_t values, std::int64_t width) { return static_cast<std::int64_t>(values) / width; };
    error.other_shape = fmt::format("[{}, {}], ours is [{}, {}]", rows(reference->rows.size(), reference->dim),
                                    reference->dim, rows(ours.size(), dim), dim);
    return error;
  }
  error.compared = true;
  error.values = static_cast<std::int64_t>(ours.size());
  const auto width = static_cast<std::size_t>(dim);
  for (std::size_t at = 0; at < ours.size(); at += width) {
    const auto own = ours.subspan(at, width), its = std::span(reference->rows).subspan(at, width);
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < width; ++i) {
      const double d = static_cast<double>(own[i]) - static_cast<double>(its[i]);
      difference += d * d;
      norm += static_cast<double>(its[i]) * static_cast<double>(its[i]);
      error.max_abs = std::max(error.max_abs, std::abs(d));
    }
    const double relative = difference == 0 ? 0 : std::sqrt(difference / norm);
    // Comparing with ! lets a NaN count as the worst.
    if (!(relative <= error.relative_error)) error.relative_error = std::isfinite(relative) ? relative : INFINITY;
    if (!ternary) continue;
    error.codes += dim;
    error.flips += count_flips(own, its);
  }
  return error;
}

/// The reference shows no sub-norm where the model has none: our input of the matrix is then what came before it.
const Trace::Values* counterpart(const Trace& reference, std::string_view point, int layer, bool sub_norms) {
  if (!sub_norms && point == "attn_sub_norm") return reference.find("attn_heads", layer);
  if (!sub_norms && point == "ffn_sub_norm") return reference.find("ffn_glu", layer);
  return reference.find(point, layer);
}

}  // namespace

void Trace::add(std::string_view point, int layer, std::span<const float> values, std::int64_t dim) {
  Values& kept = values_[{layer, std::string(point)}];
  if (kept.dim != 0 && kept.dim != dim)
    fail(ErrorKind::setup, "a trace shows {} of layer {} in two widths", point, layer);
  kept.dim = dim;
  kept.rows.insert(kept.rows.end(), values.begin(), values.end());
}

const Trace::Values* Trace::find(std::string_view point, int layer) const {
  const auto at = values_.find(std::pair<int, std::string>{layer, point});
  return at == values_.end() ? nullptr : &at->second;
}

std::vector<std::int8_t> int8_codes(std::span<const float> row) {
  double largest = 1e-5;
  for (const float value : row) largest = std::max(largest, std::abs(static_cast<double>(value)));
  const auto scale = static_cast<float>(127.0 / largest);
  std::vector<std::int8_t> codes;
  codes.reserve(row.size());
  for (const float value : row) {
    const float code = std::nearbyint(value * scale);
    codes.push_back(std::isfinite(code) ? static_cast<std::int8_t>(std::clamp(code, -128.0f, 127.0f)) : std::int8_t{0});
  }
  return codes;
}

std::vector<PointError> compare_traces(engine::Backend& backend, std::span<const TokenId> ids, Numerics numerics,
                                       const Trace& reference, Feeding feeding) {
  BH_ASSERT(static_cast<std::int64_t>(ids.size()) <= backend.max_rows());
  const engine::Model& model = backend.model();
  std::vector<PointError> errors;
  const auto look = [&](std::string_view point, int layer, std::span<const float> values, std::int64_t dim) {
    const Trace::Values* its = counterpart(reference, point, layer, model.config.sub_norms);
    errors.push_back(compare_point(point, layer, values, dim, its, feeds_ternary(point, model)));
    return errors.back().compared ? its : nullptr;
  };
  backend.set_patch([&](std::string_view point, int layer, std::span<float> values, std::int64_t dim) {
    const Trace::Values* its = look(point, layer, values, dim);
    if (its != nullptr && feeding == Feeding::reference_inputs)
      std::copy(its->rows.begin(), its->rows.end(), values.begin());
  });
  try {
    engine::Session session(backend, static_cast<std::int32_t>(ids.size()), numerics);
    const std::vector<float> logits = session.eval_all(ids);
    look("logits", -1, logits, model.output.rows);
  } catch (...) {
    backend.set_patch({});
    throw;
  }
  backend.set_patch({});
  return errors;
}

}  // namespace bh::suites::crossval
