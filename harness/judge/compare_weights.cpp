// The weights' part of compare_models.h.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "engine/base/error.h"
#include "engine/model/hf_config.h"
#include "engine/model/hf_names.h"
#include "engine/model/hf_tensors.h"
#include "engine/model/ternary_values.h"
#include "harness/judge/compare_models.h"

namespace bh::harness {

using engine::TensorType;

namespace {

bool is_float(TensorType type) noexcept {
  return type == TensorType::f32 || type == TensorType::f16 || type == TensorType::bf16;
}

/// Bits of precision.
int precision(TensorType type) noexcept { return type == TensorType::f32 ? 24 : type == TensorType::f16 ? 11 : 8; }

void note(WeightDifference& result, std::int64_t row, std::int64_t col, double left, double right, bool same) {
  ++result.compared;
  if (left == right) return;
  result.identical = false;
  const double distance = std::abs(left - right);
  if (!(distance <= result.max_difference)) result.max_difference = distance;
  if (same) return;
  if (result.differing++ == 0) {
    result.row = row;
    result.col = col;
    result.left = left;
    result.right = right;
  }
}

/// A row of one side, decoded.
struct Row {
  const MatrixOf& of;
  std::int64_t row;
  std::span<const float> values;
};

/// How far each value of a row may lie from what was stored: by the rounding of its block, or of itself. What was
/// stored was at most `reach` in magnitude: a block's scale is not taken on trust.
std::vector<float> rounding_of(const Row& row, std::vector<float> reach) {
  const engine::Matrix& matrix = row.of.matrix;
  const float post_scale = std::abs(matrix.post_scale);
  std::vector<float> rounding(row.values.size());
  if (matrix.format->rounding_row != nullptr) {
    for (float& value : reach) value /= post_scale;
    matrix.format->rounding_row(matrix.bytes, matrix.rows, matrix.cols,
                                engine::stored_row(row.of.config, matrix.name, row.row), reach, rounding);
    for (float& value : rounding) value *= post_scale;
  } else if (is_float(matrix.format->type)) {
    std::transform(row.values.begin(), row.values.end(), rounding.begin(),
                   [&](float value) { return std::ldexp(std::abs(value), -precision(matrix.format->type)); });
  }
  return rounding;
}

/// How far a value of one row may lie from that of the other where both were made from the same one.
std::vector<float> allowed_distance(const Row& left, const Row& right) {
  const auto reach = [](const Row& row) {
    std::vector<float> result =
        rounding_of(row, std::vector(row.values.size(), std::numeric_limits<float>::infinity()));
    for (std::size_t i = 0; i < result.size(); ++i) result[i] += std::abs(row.values[i]);
    return result;
  };
  std::vector<float> sum = rounding_of(left, reach(right));
  const std::vector<float> more = rounding_of(right, reach(left));
  std::transform(sum.begin(), sum.end(), more.begin(), sum.begin(), std::plus<>());
  return sum;
}

WeightDifference check_shapes(const MatrixOf& left, const MatrixOf& right) {
  WeightDifference result;
  const auto &a = left.matrix, &b = right.matrix;
  if (a.rows != b.rows || a.cols != b.cols)
    result.mismatch = fmt::format("shape [{}, {}] against [{}, {}]", a.rows, a.cols, b.rows, b.cols);
  return result;
}

StoredScale scale_in_folder(const engine::HfTensors& tensors, const engine::HfConfig& config, const std::string& name,
                            float value) {
  const engine::SafeTensor* weight = tensors.find(name);
  const engine::SafeTensor* scale = tensors.find(name + "_scale");
  const engine::SafeTensor* typed = weight != nullptr && weight->dtype == "U8" ? scale : weight;
  const engine::WeightFormat* format = typed == nullptr ? nullptr : engine::float_format(typed->dtype);
  BH_ASSERT(format != nullptr);  // the loader has read it
  StoredScale result{value, value, format->type, false};
  if (typed != scale) return result;
  format->decode_row(scale->bytes, 1, 1, 0, {&result.stored, 1});
  result.reciprocal = !config.scale_multiplies;
  return result;
}

}  // namespace

WeightDifference compare_codes(const MatrixOf& left, const MatrixOf& right) {
  WeightDifference result = check_shapes(left, right);
  if (!result.mismatch.empty()) return result;
  const auto a = engine::ternary_values(left.config, left.matrix);
  const auto b = engine::ternary_values(right.config, right.matrix);
  if (!a || !b) {
    result.mismatch = fmt::format("{} of the two holds ternary values", a || b ? "only one" : "neither");
    return result;
  }
  const std::int64_t cols = left.matrix.cols;
  result.compared = left.matrix.rows * cols;
  if (a->codes == b->codes) return result;
  result.compared = 0;
  for (std::size_t i = 0; i < a->codes.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    note(result, at / cols, at % cols, a->codes[i] - 1, b->codes[i] - 1, false);
  }
  return result;
}

WeightDifference compare_floats(const MatrixOf& left, const MatrixOf& right) {
  WeightDifference result = check_shapes(left, right);
  if (!result.mismatch.empty()) return result;
  const TensorType a = left.matrix.format->type, b = right.matrix.format->type;
  const bool floats = is_float(a) && is_float(b);
  const bool blocks = left.matrix.format->rounding_row != nullptr || right.matrix.format->rounding_row != nullptr;
  std::vector<float> x(static_cast<std::size_t>(left.matrix.cols)), y(x.size());
  std::vector<float> rounding(x.size());
  for (std::int64_t row = 0; row < left.matrix.rows; ++row) {
    engine::float_values(left.config, left.matrix, row, x);
    engine::float_values(right.config, right.matrix, row, y);
    if (blocks) rounding = allowed_distance({left, row, x}, {right, row, y});
    for (std::size_t i = 0; i < x.size(); ++i) {
      const bool same = x[i] == y[i] ||
                        (floats && (engine::round_to(b, x[i]) == y[i] || engine::round_to(a, y[i]) == x[i])) ||
                        (blocks && std::abs(double{x[i]} - double{y[i]}) <= rounding[i]);
      note(result, row, static_cast<std::int64_t>(i), x[i], y[i], same);
    }
  }
  return result;
}

WeightDifference compare_values(std::span<const float> left, std::span<const float> right) {
  WeightDifference result;
  if (left.size() != right.size()) {
    result.mismatch = fmt::format("{} values against {}", left.size(), right.size());
    return result;
  }
  for (std::size_t i = 0; i < left.size(); ++i) note(result, 0, static_cast<std::int64_t>(i), left[i], right[i], false);
  return result;
}

std::string describe(const WeightDifference& difference) {
  if (!difference.mismatch.empty()) return difference.mismatch;
  if (difference.differing == 0) return {};
  return fmt::format("{} of {} differ{}, first at row {}, column {}: {} against {}", difference.differing,
                     difference.compared, difference.differing == 1 ? "s" : "", difference.row, difference.col,
                     difference.left, difference.right);
}

json::object to_json(const WeightDifference& difference) {
  json::object result{
      {"compared", difference.compared},
      {"differing", difference.differing},
      {"identical", difference.identical},
      {"max_difference",
       std::isfinite(difference.max_difference) ? json::value(difference.max_difference) : json::value(nullptr)}};
  if (!difference.mismatch.empty()) result["mismatch"] = difference.mismatch;
  if (difference.differing > 0) {
    const auto number = [](double value) { return std::isfinite(value) ? json::value(value) : json::value(nullptr); };
    result["first"] = json::object{{"row", difference.row},
                                   {"col", difference.col},
                                   {"left", number(difference.left)},
                                   {"right", number(difference.right)}};
  }
  return result;
}

std::map<std::string, StoredScale> stored_scales(const engine::Model& model) {
  std::map<std::string, StoredScale> scales;
  const auto for_each_linear = [&](const auto& visit) {
    for (const engine::Layer& layer : model.layers)
      for (const engine::Matrix* matrix : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down})
        visit(*matrix);
  };
  const auto value_of = [](const engine::Matrix& matrix) {
    return engine::i2_s::scale(matrix.bytes, matrix.rows, matrix.cols) * matrix.post_scale;
  };
  if (!std::filesystem::is_directory(model.source.path)) {
    for_each_linear([&](const engine::Matrix& matrix) {
      if (matrix.format->ternary) {
        scales[matrix.name] = {value_of(matrix), value_of(matrix), TensorType::f32, false};
      } else if (const auto values = engine::ternary_values(model.config, matrix)) {
        scales[matrix.name] = {values->scale, values->scale, matrix.format->type, false};
      }
    });
    return scales;
  }
  const engine::HfTensors tensors(model.source.path);
  const engine::HfConfig config = engine::read_hf_config(model.source.path);
  for_each_linear([&](const engine::Matrix& matrix) {
    scales[matrix.name] = scale_in_folder(tensors, config, engine::hf_tensor_name(matrix.name), value_of(matrix));
  });
  return scales;
}

bool same_scale(const StoredScale& left, const StoredScale& right) noexcept {
  if (left.value == right.value) return true;
  const auto given_by = [](const StoredScale& coarse, const StoredScale& fine) {
    const float wanted = coarse.reciprocal ? 1.0f / fine.value : fine.value;
    return engine::round_to(coarse.type, wanted) == coarse.stored;
  };
  if (!is_float(left.type) || !is_float(right.type)) return false;
  if (precision(left.type) == precision(right.type) && left.reciprocal == right.reciprocal) {
    return left.stored == right.stored;
  }
  if (precision(left.type) == precision(right.type)) return given_by(left, right) || given_by(right, left);
  return precision(left.type) < precision(right.type) ? given_by(left, right) : given_by(right, left);
}

}  // namespace bh::harness
