#include "engine/model/model.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/base/error.h"
#include "engine/base/thread_pool.h"
#include "engine/model/loaders.h"

namespace bh::engine {
namespace {

constexpr std::size_t kElementAlignment = 4;

/// Without allocation for sound values, so that it may run in a region of the pool.
bool is_sound(const Matrix& matrix) noexcept {
  try {
    return matrix.format->check(matrix.bytes, matrix.rows, matrix.cols).empty();
  } catch (...) {  // no memory for the message: the caller asks again
    return false;
  }
}

void check_values(const Model& model, const LoadOptions& options) {
  std::vector<const Matrix*> matrices;
  for (const Matrix* matrix : model.matrices()) {
    const std::string fault =
        matrix->format->ternary ? i2_s::check_scale(matrix->bytes, matrix->rows, matrix->cols) : std::string();
    if (!fault.empty()) refuse_values(model.source.path.string(), *matrix, fault);
    if (matrix->format->ternary ? options.check_codes || options.check_values : options.check_values) {
      matrices.push_back(matrix);
    }
  }
  if (matrices.empty()) return;
  std::vector<char> sound(matrices.size());
  ThreadPool pool;
  pool.run(static_cast<std::int64_t>(matrices.size()), [&](std::int64_t i, int) {
    const auto index = static_cast<std::size_t>(i);
    sound[index] = is_sound(*matrices[index]) ? 1 : 0;
  });
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    const Matrix& matrix = *matrices[i];
    if (sound[i] == 0)
      refuse_values(model.source.path.string(), matrix, matrix.format->check(matrix.bytes, matrix.rows, matrix.cols));
  }
}

void warn_of_odd_rows(Model& model) {
  const Matrix* example = nullptr;
  int count = 0;
  for (const Matrix* matrix : model.matrices()) {
    if (matrix->format->type != TensorType::i2_s || matrix->cols % i2_s::kBlock == 0) continue;
    if (example == nullptr) example = matrix;
    ++count;
  }
  if (count == 0) return;
  model.source.warnings.push_back(
      fmt::format("{} matrices, \"{}\" first, have rows of {} values, no multiple of {}: they are decoded rightly "
                  "here, but bitnet.cpp "
                  "miscomputes such rows, so its answers differ",
                  count, example->name, example->cols, i2_s::kBlock));
}

}  // namespace

void refuse_values(std::string_view path, const Matrix& matrix, std::string_view fault) {
  fail(ErrorKind::setup,
       "{}: tensor \"{}\" ({}): {}; the file is damaged or in another layout: download or convert it again", path,
       matrix.name, matrix.format->name, fault);
}

std::vector<const Matrix*> Model::matrices() const {
  std::vector<const Matrix*> all = {&token_embd};
  for (const Layer& layer : layers)
    all.insert(all.end(), {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down});
  if (!tied_output) all.push_back(&output);
  return all;
}

std::vector<Model::Norm> Model::norms() const {
  std::vector<Norm> all;
  const auto add = [&](std::string name, const std::vector<float>& values) {
    if (!values.empty()) all.push_back({std::move(name), &values});
  };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::string blk = fmt::format("blk.{}.", i);
    add(blk + "attn_norm.weight", layers[i].attn_norm);
    add(blk + "attn_sub_norm.weight", layers[i].attn_sub_norm);
    add(blk + "ffn_norm.weight", layers[i].ffn_norm);
    add(blk + "ffn_sub_norm.weight", layers[i].ffn_sub_norm);
  }
  add("output_norm.weight", output_norm);
  return all;
}

void Model::release(std::span<const std::byte> bytes) const noexcept {
  for (const auto& file : mappings) file->release(bytes);
}

std::span<const std::byte> ModelStorage::keep_aligned(std::span<const std::byte> bytes) {
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % kElementAlignment == 0) return bytes;
  AlignedBuffer<std::byte> copy(bytes.size());
  std::memcpy(copy.data(), bytes.data(), bytes.size());
  buffers.push_back(std::move(copy));
  return buffers.back().span();
}

std::vector<float> decode_vector(const WeightFormat& format, std::span<const std::byte> bytes, std::int64_t n,
                                 const std::string& where, const std::string& name) {
  std::vector<float> values(static_cast<std::size_t>(n));
  format.decode_row(bytes, 1, n, 0, values);
  const auto bad = std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  if (bad != values.end())
    fail(ErrorKind::setup, "{}: tensor \"{}\" holds {} at index {}; the file is damaged", where, name, *bad,
         bad - values.begin());
  return values;
}

void finish_model(Model& model, const LoadOptions& options) {
  const auto& warnings = model.tokenizer.warnings();
  model.source.warnings.insert(model.source.warnings.end(), warnings.begin(), warnings.end());
  warn_of_odd_rows(model);
  check_values(model, options);
}

std::shared_ptr<const Model> load_model(const std::filesystem::path& path, const LoadOptions& options) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return load_hf_folder(path, options);
  if (path.extension() == ".safetensors" || path.extension() == ".json")
    fail(ErrorKind::setup, "{} is one file of a Hugging Face folder; give the folder", path.string());
  return load_gguf(path, options);
}

}  // namespace bh::engine
