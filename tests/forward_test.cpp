// The forward pass against a naive one in double precision, written here from the model card's equations: every
// architecture, grouped heads, head sizes that are no multiple of 16, and every weight format.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/model/synth.h"
#include "engine/runtime/session.h"
#include "tests/support/catch.h"

using namespace bh::engine;

namespace {

using Values = std::vector<double>;

/// y = W x, with x rounded to int8 codes per token if W is ternary.
Values multiply(const Matrix& matrix, Values x) {
  if (matrix.format->ternary) {
    double largest = 1e-5;
    for (const double value : x) largest = std::max(largest, std::abs(value));
    const double scale = 127.0 / largest;
    for (double& value : x) value = std::nearbyint(value * scale) / scale;
  }
  Values y(static_cast<std::size_t>(matrix.rows));
  std::vector<float> row(static_cast<std::size_t>(matrix.cols));
  for (std::int64_t r = 0; r < matrix.rows; ++r) {
    matrix.format->decode_row(matrix.bytes, matrix.rows, matrix.cols, r, row);
    double sum = 0.0;
    for (std::size_t i = 0; i < row.size(); ++i) sum += static_cast<double>(row[i]) * x[i];
    y[static_cast<std::size_t>(r)] = sum * static_cast<double>(matrix.post_scale);
  }
  return y;
}

Values norm(const Values& x, const std::vector<float>& weight, double eps) {
  if (weight.empty()) return x;
  double sum = 0.0;
  for (const double value : x) sum += value * value;
  const double scale = 1.0 / std::sqrt(sum / static_cast<double>(x.size()) + eps);
  Values y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = x[i] * scale * static_cast<double>(weight[i]);
  return y;
}

void rotate(Values& x, const Config& config, std::size_t position) {
  const auto dim = static_cast<std::size_t>(config.head_dim), half = dim / 2;
  for (std::size_t head = 0; head < x.size(); head += dim) {
    for (std::size_t i = 0; i < half; ++i) {
      const double frequency =
          std::pow(static_cast<double>(config.rope_base), -2.0 * static_cast<double>(i) / static_cast<double>(dim));
      const double angle = static_cast<double>(position) * frequency / static_cast<double>(config.rope_factor);
      const bool adjacent = config.rope_style == RopeStyle::adjacent_pairs;
      double& a = x[head + (adjacent ? 2 * i : i)];
      double& b = x[head + (adjacent ? 2 * i + 1 : i + half)];
      const double first = a * std::cos(angle) - b * std::sin(angle);
      b = a * std::sin(angle) + b * std::cos(angle);
      a = first;
    }
  }
}

struct NaiveModel {
  const Model& model;
  std::vector<std::vector<Values>> keys, values;  ///< [layer][position]

  explicit NaiveModel(const Model& m) : model(m), keys(m.layers.size()), values(m.layers.size()) {}

  Values attend(const Values& q, std::size_t layer) const {
    const Config& config = model.config;
    const auto dim = static_cast<std::size_t>(config.head_dim);
    Values out(q.size());
    for (std::size_t head = 0; head < static_cast<std::size_t>(config.n_head); ++head) {
      const std::size_t kv = head / static_cast<std::size_t>(config.n_head / config.n_head_kv) * dim;
      Values scores;
      double sum = 0.0;
      for (const Values& key : keys[layer]) {
        double dot = 0.0;
        for (std::size_t d = 0; d < dim; ++d) dot += q[head * dim + d] * key[kv + d];
        scores.push_back(std::exp(dot / std::sqrt(static_cast<double>(dim))));
        sum += scores.back();
      }
      for (std::size_t p = 0; p < scores.size(); ++p) {
        for (std::size_t d = 0; d < dim; ++d) out[head * dim + d] += scores[p] / sum * values[layer][p][kv + d];
      }
    }
    return out;
  }

  Values step(TokenId token) {
    const Config& config = model.config;
    const double eps = static_cast<double>(config.rms_eps);
    std::vector<float> embedding(static_cast<std::size_t>(config.n_embd));
    const Matrix& table = model.token_embd;
    table.format->decode_row(table.bytes, table.rows, table.cols, token, embedding);
    Values x(embedding.begin(), embedding.end());
    const auto add = [&](const Values& y) {
      for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
    };
    for (std::size_t l = 0; l < model.layers.size(); ++l) {
      const Layer& layer = model.layers[l];
      const Values h = norm(x, layer.attn_norm, eps);
      Values q = multiply(layer.q, h), k = multiply(layer.k, h);
      const std::size_t position = keys[l].size();
      rotate(q, config, position);
      rotate(k, config, position);
      keys[l].push_back(k);
      values[l].push_back(multiply(layer.v, h));
      add(multiply(layer.o, norm(attend(q, l), layer.attn_sub_norm, eps)));
      const Values f = norm(x, layer.ffn_norm, eps);
      Values z = multiply(layer.gate, f);
      const Values up = multiply(layer.up, f);
      for (std::size_t i = 0; i < z.size(); ++i) {
        const double g = z[i];
        z[i] =
            (config.activation == Activation::silu ? g / (1.0 + std::exp(-g)) : std::pow(std::max(g, 0.0), 2)) * up[i];
      }
      add(multiply(layer.down, norm(z, layer.ffn_sub_norm, eps)));
    }
    return multiply(model.output, norm(x, model.output_norm, eps));
  }
};

/// A rounding of one activation code that falls the other way moves logits by a little: compare directions.
double cosine(std::span<const float> a, const Values& b) {
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    bb += b[i] * b[i];
  }
  return dot / std::sqrt(aa * bb);
}

void check_against_naive(const std::shared_ptr<const Model>& model) {
  const auto backend = find_device("cpu").load(model, {});
  Session session(*backend);
  NaiveModel naive(*model);
  for (const TokenId token : {1, 17, 200, 3, 17, 99, 42, 5}) {
    const std::span<const float> ours = session.eval({&token, 1});
    const Values expected = naive.step(token);
    REQUIRE(ours.size() == expected.size());
    REQUIRE(cosine(ours, expected) > 0.9995);
  }
}

SynthOptions tiny(const std::string& architecture) {
  SynthOptions options;
  options.preset = "tiny";
  options.architecture = architecture;
  options.seed = 11;
  return options;
}

}  // namespace

TEST_CASE("every architecture computes what its equations say") {
  for (const char* architecture : {"bitnet-b1.58", "bitnet-25", "bitnet", "llama"}) {
    INFO(architecture);
    check_against_naive(make_synth_model(tiny(architecture)));
  }
}

TEST_CASE("head size 100 without grouping computes what its equations say") {
  SynthOptions options = tiny("bitnet");
  options.n_embd = 400;
  options.n_head = options.n_head_kv = 4;
  options.head_dim = 100;
  options.n_ff = 1096;  // no multiple of 128
  check_against_naive(make_synth_model(options));
}

TEST_CASE("whoever watches sees the values that nobody's watching fuses away, and changes no bit") {
  for (const char* architecture : {"bitnet-b1.58", "bitnet-25", "bitnet", "llama"}) {
    BackendOptions options;
    options.threads = 2;
    const auto backend = find_device("cpu").load(make_synth_model(tiny(architecture)), options);
    const std::vector<TokenId> tokens = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19};
    const auto logits = [&] { return Session(*backend, 32).eval_all(tokens); };
    const std::vector<float> expected = logits();
    const auto count = [&] {
      backend->reset_kernel_counts();
      logits();
      std::map<std::string, std::uint64_t> counts;
      for (const KernelCount& kernel : backend->kernel_counts()) counts[kernel.name] = kernel.count;
      return counts;
    };
    const auto counts = count();
    const std::vector<float> alone = Session(*backend, 32).eval_all(std::vector<TokenId>{7});
    std::set<std::string> seen;
    backend->set_tap([&](std::string_view name, int, std::span<const float> values, std::int64_t) {
      for (const float value : values) {
        if (value != 0.0f) seen.emplace(name);
      }
    });
    INFO(architecture);
    CHECK(logits() == expected);
    CHECK(count() == counts);
    CHECK(Session(*backend, 32).eval_all(std::vector<TokenId>{7}) == alone);
    for (const char* const name : {"attn_norm", "ffn_norm", "ffn_gate", "ffn_up", "ffn_glu", "ffn_residual"}) {
      CHECK(seen.count(name) == 1);
    }
  }
}

TEST_CASE("a patch feeds the ops that follow, and only those") {
  SynthOptions options;
  options.preset = "tiny";
  BackendOptions backend_options;
  backend_options.threads = 1;
  const auto backend = find_device("cpu").load(make_synth_model(options), backend_options);
  const auto logits = [&](std::vector<TokenId> tokens, Numerics numerics) {
    return Session(*backend, 8, numerics).eval_all(tokens);
  };
  for (const Numerics numerics : {Numerics::one_answer, Numerics::reference_single}) {
    const std::vector<float> first = logits({1, 2, 3}, numerics), second = logits({4, 5, 6}, numerics);
    REQUIRE(first != second);
    for (const char* point :
         {"attn_norm", "q", "v", "k_rope", "attn_heads", "attn_sub_norm", "ffn_gate", "ffn_residual", "output_norm"}) {
      CAPTURE(point);
      const int layer = point == std::string("output_norm") ? -1 : 1;
      std::vector<float> taken;
      backend->set_tap([&](std::string_view name, int at, std::span<const float> values, std::int64_t) {
        if (name == point && at == layer) taken.assign(values.begin(), values.end());
      });
      logits({4, 5, 6}, numerics);
      backend->set_tap({});
      REQUIRE_FALSE(taken.empty());
      bool before = true;  // nothing computed earlier may change
      backend->set_patch([&](std::string_view name, int at, std::span<float> values, std::int64_t) {
        if (name != point || at != layer) return;
        before = std::equal(values.begin(), values.end(), taken.begin());
        std::copy(taken.begin(), taken.end(), values.begin());
      });
      const std::vector<float> patched = logits({1, 2, 3}, numerics);
      CHECK_FALSE(before);
      CHECK(patched != first);
      // What follows a residual or the last norm depends on nothing else.
      const bool all = point == std::string("output_norm") || point == std::string("ffn_residual");
      CHECK((patched == second) == all);
      backend->set_patch([](std::string_view, int, std::span<float>, std::int64_t) {});
      CHECK(logits({1, 2, 3}, numerics) == first);
      backend->set_patch({});
    }
  }
}
