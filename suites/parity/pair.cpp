#include "suites/parity/pair.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/model/float_copy.h"
#include "harness/io/sha256.h"

namespace bh::suites::parity {

using engine::Matrix;
using engine::Model;

namespace {

bool quantizes_activations(const Model& model) {
  return std::any_of(model.layers.begin(), model.layers.end(),
                     [](const engine::Layer& layer) { return layer.q.format->ternary; });
}

bool has_float_embeddings(const Model& model) {
  return model.token_embd.format->block_cols == 1 && model.output.format->block_cols == 1;
}

}  // namespace

const Matrix* find_matrix(const Model& model, const std::string& name) {
  for (const Matrix* matrix : model.matrices())
    if (matrix->name == name) return matrix;
  return nullptr;
}

const std::vector<float>* find_norm(const Model& model, const std::string& name) {
  for (const Model::Norm& norm : model.norms())
    if (norm.name == name) return norm.values;
  return nullptr;
}

bool is_linear(const Matrix& matrix) { return matrix.name.rfind("blk.", 0) == 0; }

Pair::Pair(std::filesystem::path folder, std::filesystem::path gguf, const harness::Options& options)
    : folder_(std::move(folder)), gguf_(std::move(gguf)), options_(options) {}

Pair::ModelPointer& Pair::load(ModelPointer& model, const std::filesystem::path& path, const std::string& pre) {
  if (!model) model = engine::load_model(path, {.pre_tokenizer = pre, .check_values = true});
  return model;
}

engine::Backend& Pair::backend(std::unique_ptr<engine::Backend>& place, const ModelPointer& model) const {
  if (!place) {
    engine::BackendOptions wanted;
    wanted.threads = static_cast<int>(options_.integer_or("threads", 0));
    wanted.kernel = options_.text("kernel");
    place = engine::find_device(options_.text("device")).load(model, wanted);
  }
  return *place;
}

engine::Backend& Pair::float_backend() {
  if (!float_backend_) return backend(float_backend_, engine::with_float_weights(left_model()));
  return *float_backend_;
}

std::string Pair::name() {
  const std::string& format = left().source.format;
  for (const char* layout : {"packed", "master"})
    if (format.find(layout) != std::string::npos) return layout;
  return "mixed";
}

bool Pair::same_precision() {
  return quantizes_activations(left()) == quantizes_activations(right()) && has_float_embeddings(left()) &&
         has_float_embeddings(right());
}

const std::map<std::string, harness::StoredScale>& Pair::left_scales() {
  if (!left_scales_) left_scales_ = harness::stored_scales(left());
  return *left_scales_;
}

const std::map<std::string, harness::StoredScale>& Pair::right_scales() {
  if (!right_scales_) right_scales_ = harness::stored_scales(right());
  return *right_scales_;
}

bool Pair::weights_identical() {
  if (!identical_) identical_ = why_not_comparable().empty() && same_precision() && compare_all();
  return *identical_;
}

bool Pair::compare_all() {
  const auto all = left().matrices();
  const bool matrices = std::all_of(all.begin(), all.end(), [&](const Matrix* matrix) {
    const Matrix* other = find_matrix(right(), matrix->name);
    if (other == nullptr) return false;
    const harness::MatrixOf a{left().config, *matrix}, b{right().config, *other};
    if (!is_linear(*matrix)) {
      const auto difference = harness::compare_floats(a, b);
      return difference.mismatch.empty() && difference.identical;
    }
    const auto scale = left_scales().find(matrix->name), its = right_scales().find(matrix->name);
    return harness::compare_codes(a, b).equal() && scale != left_scales().end() && its != right_scales().end() &&
           scale->second.value == its->second.value;
  });
  const auto norms = left().norms();
  return matrices && all.size() == right().matrices().size() &&
         std::all_of(norms.begin(), norms.end(), [&](const Model::Norm& norm) {
           const auto* other = find_norm(right(), norm.name);
           return other != nullptr && *other == *norm.values;
         });
}

std::string Pair::why_not_comparable() {
  std::string why;
  for (const auto& field : harness::compare_configs(left(), right())) {
    if (!field.equal && field.required)
      why += fmt::format("{}{} {} against {}", why.empty() ? "" : ", ", field.key, field.left, field.right);
  }
  return why.empty() ? why : "these are not two forms of one model: " + why;
}

json::object Pair::describe() {
  if (description_.empty()) {
    description_ = {{"pair", name()},
                    {"safetensors", folder_.string()},
                    {"gguf", gguf_.string()},
                    {"safetensors_format", left().source.format},
                    {"gguf_format", right().source.format},
                    {"safetensors_sha256", harness::sha256_model(folder_)},
                    {"gguf_sha256", harness::sha256_model(gguf_)}};
  }
  json::object description = description_;
  description["weights_identical"] = identical_ ? json::value(*identical_) : json::value(nullptr);
  return description;
}

}  // namespace bh::suites::parity
