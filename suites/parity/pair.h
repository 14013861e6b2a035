// One model in two forms: a Hugging Face folder (left) and a GGUF file (right), each loaded when first asked for.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/backend.h"
#include "harness/core/options.h"
#include "harness/judge/compare_models.h"

namespace bh::suites::parity {

class Pair {
 public:
  /// `options` are the suite's: device, kernel, threads, pre. They outlive the pair.
  Pair(std::filesystem::path folder, std::filesystem::path gguf, const harness::Options& options);

  const std::filesystem::path& folder() const noexcept { return folder_; }
  const std::filesystem::path& gguf() const noexcept { return gguf_; }

  // Each throws Error(setup) where the model cannot be had.
  const engine::Model& left() { return *load(left_, folder_, ""); }
  const engine::Model& right() { return *load(right_, gguf_, options_.text("pre")); }
  engine::Backend& left_backend() { return backend(left_backend_, left_model()); }
  engine::Backend& right_backend() { return backend(right_backend_, right_model()); }
  /// The folder's ternary weights, multiplied without quantizing activations.
  engine::Backend& float_backend();

  /// "packed", "master" or "mixed".
  std::string name();
  bool folder_is_master() { return name() == "master"; }
  /// Both sides quantize activations, or neither, and neither has block-quantized embeddings.
  bool same_precision();

  const std::map<std::string, harness::StoredScale>& left_scales();
  const std::map<std::string, harness::StoredScale>& right_scales();
  /// Every weight is the same float on both sides, so every logit has to be the same, too.
  bool weights_identical();
  /// Empty if the two can be run side by side, else why they are not one model.
  std::string why_not_comparable();

  json::object describe();

 private:
  using ModelPointer = std::shared_ptr<const engine::Model>;

  ModelPointer& load(ModelPointer& model, const std::filesystem::path& path, const std::string& pre);
  ModelPointer left_model() { return load(left_, folder_, ""); }
  ModelPointer right_model() { return load(right_, gguf_, options_.text("pre")); }
  engine::Backend& backend(std::unique_ptr<engine::Backend>& place, const ModelPointer& model) const;
  bool compare_all();

  std::filesystem::path folder_, gguf_;
  const harness::Options& options_;
  ModelPointer left_, right_;
  std::unique_ptr<engine::Backend> left_backend_, right_backend_, float_backend_;
  std::optional<std::map<std::string, harness::StoredScale>> left_scales_, right_scales_;
  std::optional<bool> identical_;
  json::object description_;
};

/// The matrix or norm of that name, nullptr where the model has none.
const engine::Matrix* find_matrix(const engine::Model& model, const std::string& name);
const std::vector<float>* find_norm(const engine::Model& model, const std::string& name);

/// Whether a matrix is one of the linear layers, which are ternary, and not an embedding.
bool is_linear(const engine::Matrix& matrix);

}  // namespace bh::suites::parity
