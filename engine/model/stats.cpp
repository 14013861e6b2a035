#include "engine/model/stats.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <functional>
#include <limits>

#include "engine/base/error.h"
#include "engine/base/thread_pool.h"

namespace bh::engine {
namespace {

class Accumulator {
 public:
  void add(std::span<const float> values) {
    for (const float value : values) {
      if (!std::isfinite(value)) {
        ++nonfinite_;
        continue;
      }
      ++finite_;
      zeros_ += value == 0.0f ? 1 : 0;
      squares_ += static_cast<double>(value) * static_cast<double>(value);
      min_ = std::min(min_, value);
      max_ = std::max(max_, value);
    }
  }
  void store(TensorStats& stats) const {
    stats.nonfinite = nonfinite_;
    if (finite_ == 0) return;
    stats.rms = std::sqrt(squares_ / static_cast<double>(finite_));
    stats.min = static_cast<double>(min_);
    stats.max = static_cast<double>(max_);
    stats.zero_fraction = static_cast<double>(zeros_) / static_cast<double>(finite_);
  }

 private:
  std::int64_t finite_ = 0, nonfinite_ = 0, zeros_ = 0;
  double squares_ = 0;
  float min_ = std::numeric_limits<float>::max();
  float max_ = std::numeric_limits<float>::lowest();
};

std::int64_t count_illegal(const Matrix& matrix) {
  const std::int64_t elements = matrix.rows * matrix.cols;
  if (matrix.format->type != TensorType::i2_s || i2_s::find_illegal(matrix.bytes, elements) < 0) return 0;
  std::int64_t count = 0;
  for (std::int64_t e = 0; e < elements; ++e) count += i2_s::code_at(matrix.bytes.data(), e) == 3 ? 1 : 0;
  return count;
}

using Task = std::function<TensorStats()>;

void add_layer(std::vector<Task>& tasks, const Layer& layer, std::size_t index) {
  const auto norm = [&](const char* name, const std::vector<float>& values) {
    if (values.empty()) return;
    tasks.emplace_back(
        [full = fmt::format("blk.{}.{}.weight", index, name), &values] { return vector_stats(full, values); });
  };
  const auto matrices = [&](std::initializer_list<const Matrix*> all) {
    for (const Matrix* matrix : all) tasks.emplace_back([matrix] { return tensor_stats(*matrix); });
  };
  norm("attn_norm", layer.attn_norm);
  matrices({&layer.q, &layer.k, &layer.v});
  norm("attn_sub_norm", layer.attn_sub_norm);
  matrices({&layer.o});
  norm("ffn_norm", layer.ffn_norm);
  matrices({&layer.gate, &layer.up});
  norm("ffn_sub_norm", layer.ffn_sub_norm);
  matrices({&layer.down});
}

}  // namespace

TensorStats tensor_stats(const Matrix& matrix) {
  TensorStats stats{matrix.name, std::string(matrix.format->name), matrix.rows, matrix.cols};
  std::vector<float> row(static_cast<std::size_t>(matrix.cols));
  Accumulator accumulator;
  for (std::int64_t r = 0; r < matrix.rows; ++r) {
    matrix.format->decode_row(matrix.bytes, matrix.rows, matrix.cols, r, row);
    accumulator.add(row);
  }
  accumulator.store(stats);
  stats.illegal_codes = count_illegal(matrix);
  return stats;
}

TensorStats vector_stats(std::string name, const std::vector<float>& values) {
  TensorStats stats{std::move(name), "F32", 1, static_cast<std::int64_t>(values.size())};
  Accumulator accumulator;
  accumulator.add(values);
  accumulator.store(stats);
  return stats;
}

std::vector<TensorStats> model_stats(const Model& model) {
  std::vector<Task> tasks;
  tasks.emplace_back([&] { return tensor_stats(model.token_embd); });
  for (std::size_t i = 0; i < model.layers.size(); ++i) add_layer(tasks, model.layers[i], i);
  tasks.emplace_back([&] { return vector_stats("output_norm.weight", model.output_norm); });
  if (!model.tied_output) tasks.emplace_back([&] { return tensor_stats(model.output); });

  std::vector<TensorStats> all(tasks.size());
  std::vector<std::exception_ptr> errors(tasks.size());
  ThreadPool pool;
  pool.run(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t i, int) {
    const auto index = static_cast<std::size_t>(i);
    try {
      all[index] = tasks[index]();
    } catch (...) {
      errors[index] = std::current_exception();
    }
  });
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
  return all;
}

}  // namespace bh::engine
