#include "suites/acceptance/baseline.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

namespace bh::suites::acceptance {

using engine::Layer;
using engine::Matrix;
using engine::Model;

namespace {

template <class Visit>
void for_each_projection(const Model& model, const Visit& visit) {
  for (const Layer& layer : model.layers) {
    for (const Matrix* matrix : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      if (matrix->present()) visit(*matrix);
    }
  }
}

bool holds_ternary_values(const Matrix& matrix) {
  if (matrix.format->ternary) return true;
  std::vector<float> row(static_cast<std::size_t>(matrix.cols));
  float scale = 0;
  for (std::int64_t r = 0; r < matrix.rows; ++r) {
    matrix.format->decode_row(matrix.bytes, matrix.rows, matrix.cols, r, row);
    for (const float value : row) {
      if (scale == 0) scale = std::abs(value);
      if (value != 0 && std::abs(value) != scale) return false;
    }
  }
  return true;
}

}  // namespace

std::string why_no_baseline(const Model& model) {
  std::string reason;
  for_each_projection(model, [&](const Matrix& matrix) {
    if (!reason.empty() || holds_ternary_values(matrix)) return;
    reason = fmt::format(
        "{} holds raw {} values, not ternary ones: a float master is ternarised before it is run, and is no baseline "
        "as "
        "it stands; use its I2_S or packed form",
        matrix.name, matrix.format->name);
  });
  return reason;
}

std::int64_t ternary_matrices(const Model& model) {
  std::int64_t count = 0;
  for_each_projection(model, [&](const Matrix& matrix) { count += matrix.format->ternary ? 1 : 0; });
  return count;
}

double float_copy_bytes(const Model& model) {
  double bytes = 0;
  for_each_projection(model, [&](const Matrix& matrix) {
    if (matrix.format->ternary) bytes += 4.0 * static_cast<double>(matrix.rows) * static_cast<double>(matrix.cols);
  });
  return bytes;
}

}  // namespace bh::suites::acceptance
