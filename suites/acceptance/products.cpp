#include "suites/acceptance/products.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/base/error.h"
#include "engine/runtime/session.h"

namespace bh::suites::acceptance {

using engine::Layer;
using engine::Matrix;

namespace {

/// Rows of doubles [tokens, dim].
struct Values {
  std::vector<double> data;
  std::int64_t dim = 0;
};

using Taps = std::map<std::string, Values>;  ///< "attn_norm.0"

std::string tap_key(std::string_view name, int layer) { return fmt::format("{}.{}", name, layer); }

const Values& tap_of(const Taps& taps, std::string_view name, int layer) {
  const auto found = taps.find(tap_key(name, layer));
  if (found == taps.end()) fail(ErrorKind::internal, "the backend gave no tap {} of layer {}", name, layer);
  return found->second;
}

/// What a ternary product sees: integer codes over the row's scale.
std::vector<double> quantized(std::span<const double> x) {
  double largest = 1e-5;
  for (const double value : x) largest = std::max(largest, std::abs(value));
  const auto scale = static_cast<float>(127.0 / largest);
  std::vector<double> result;
  for (const double value : x) {
    result.push_back(std::nearbyint(static_cast<float>(value) * scale) / static_cast<double>(scale));
  }
  return result;
}

/// y = W x for every token, in double.
Values product(const Matrix& matrix, const Values& input) {
  const std::int64_t tokens = static_cast<std::int64_t>(input.data.size()) / input.dim;
  Values x{{}, input.dim};
  for (std::int64_t token = 0; token < tokens; ++token) {
    const auto row =
        quantized(std::span(input.data)
                      .subspan(static_cast<std::size_t>(token * input.dim), static_cast<std::size_t>(input.dim)));
    x.data.insert(x.data.end(), row.begin(), row.end());
  }
  Values y{std::vector<double>(static_cast<std::size_t>(tokens * matrix.rows)), matrix.rows};
  std::vector<float> weights(static_cast<std::size_t>(matrix.cols));
  for (std::int64_t r = 0; r < matrix.rows; ++r) {
    matrix.format->decode_row(matrix.bytes, matrix.rows, matrix.cols, r, weights);
    for (std::int64_t token = 0; token < tokens; ++token) {
      const double* values = x.data.data() + token * matrix.cols;
      double sum = 0;
      for (std::int64_t c = 0; c < matrix.cols; ++c)
        sum += static_cast<double>(weights[static_cast<std::size_t>(c)]) * values[c];
      y.data[static_cast<std::size_t>(token * matrix.rows + r)] = sum * static_cast<double>(matrix.post_scale);
    }
  }
  return y;
}

Values difference(const Values& after, const Values& before) {
  Values result = after;
  for (std::size_t i = 0; i < result.data.size(); ++i) result.data[i] -= before.data[i];
  return result;
}

/// act(gate) * up.
Values gated(const Values& gate, const Values& up, engine::Activation activation) {
  Values result = up;
  for (std::size_t i = 0; i < result.data.size(); ++i) {
    const double g = gate.data[i];
    const double active =
        activation == engine::Activation::silu ? g / (1 + std::exp(-g)) : std::max(g, 0.0) * std::max(g, 0.0);
    result.data[i] *= active;
  }
  return result;
}

double relative_error(const Values& ours, const Values& definition) {
  BH_ASSERT(ours.data.size() == definition.data.size());
  double error = 0, size = 0;
  for (std::size_t i = 0; i < ours.data.size(); ++i) {
    error += (ours.data[i] - definition.data[i]) * (ours.data[i] - definition.data[i]);
    size += definition.data[i] * definition.data[i];
  }
  if (!std::isfinite(error) || !std::isfinite(size)) return HUGE_VAL;
  return size > 0 ? std::sqrt(error / size) : (error > 0 ? HUGE_VAL : 0);
}

void compare_layer(const engine::Model& model, int index, const Taps& taps, std::vector<ProductError>& errors) {
  const Layer& layer = model.layers[static_cast<std::size_t>(index)];
  const auto tap = [&](std::string_view name) -> const Values& { return tap_of(taps, name, index); };
  const auto compare = [&](const Matrix& matrix, const Values& input, const Values& ours) {
    if (matrix.format->ternary) errors.push_back({matrix.name, relative_error(ours, product(matrix, input))});
  };
  compare(layer.q, tap("attn_norm"), tap("q"));
  compare(layer.k, tap("attn_norm"), tap("k"));
  compare(layer.v, tap("attn_norm"), tap("v"));
  const Values& before = index == 0 ? tap_of(taps, "embd", -1) : tap_of(taps, "ffn_residual", index - 1);
  compare(layer.o, tap("attn_sub_norm"), difference(tap("attn_residual"), before));
  if (layer.gate.format->ternary && layer.up.format->ternary) {
    const Values& input = tap("ffn_norm");
    const Values expected = gated(product(layer.gate, input), product(layer.up, input), model.config.activation);
    errors.push_back({layer.gate.name + " and " + layer.up.name, relative_error(tap("ffn_glu"), expected)});
  }
  compare(layer.down, tap("ffn_sub_norm"), difference(tap("ffn_residual"), tap("attn_residual")));
}

}  // namespace

std::vector<ProductError> compare_products(engine::Backend& backend, std::span<const engine::TokenId> tokens,
                                           int layer_step) {
  BH_ASSERT(layer_step > 0 && static_cast<std::int64_t>(tokens.size()) <= backend.max_rows());
  const engine::Model& model = backend.model();
  Taps taps;
  backend.set_tap([&](std::string_view name, int layer, std::span<const float> values, std::int64_t dim) {
    if (layer % layer_step != 0 && (layer + 1) % layer_step != 0 && layer >= 0) return;
    taps[tap_key(name, layer)] = {{values.begin(), values.end()}, dim};
  });
  try {
    engine::Session session(backend, static_cast<std::int32_t>(tokens.size()));
    static_cast<void>(session.eval_all(tokens));
  } catch (...) {
    backend.set_tap({});
    throw;
  }
  backend.set_tap({});
  std::vector<ProductError> errors;
  for (int layer = 0; layer < model.config.n_layer; layer += layer_step) compare_layer(model, layer, taps, errors);
  return errors;
}

}  // namespace bh::suites::acceptance
