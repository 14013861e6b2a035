#include "harness/cli/conversion.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "engine/base/error.h"
#include "engine/model/gguf.h"
#include "engine/model/hf_names.h"
#include "engine/model/hf_tensors.h"
#include "engine/model/ternary_values.h"
#include "harness/cli/conversion_target.h"
#include "harness/core/text.h"
#include "harness/io/sha256.h"
#include "harness/judge/compare_models.h"
#include "harness/measure/environment.h"

namespace bh::harness {

namespace fs = std::filesystem;
using engine::Matrix;
using engine::Model;

namespace {

/// A tensor as its file lists it.
struct StoredTensor {
  std::string type;
  std::vector<std::int64_t> shape;  ///< outermost first
};
using Inventory = std::map<std::string, StoredTensor>;

Inventory list_tensors(const fs::path& path) {
  Inventory all;
  if (fs::is_directory(path)) {
    const engine::HfTensors tensors(path);
    for (const auto& [name, tensor] : tensors.all()) all[name] = {tensor->dtype, tensor->shape};
    return all;
  }
  const auto file = engine::GgufFile::open(path);
  for (const engine::GgufTensor& tensor : file.tensors()) {
    const auto* format = engine::find_weight_format(tensor.type_id);
    all[tensor.name] = {format == nullptr ? engine::describe_type_id(tensor.type_id) : std::string(format->name),
                        {tensor.ne.rbegin(), tensor.ne.rend()}};
  }
  return all;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() > end.size() && text.substr(text.size() - end.size()) == end;
}

/// SHA-256 of the codes, one byte 0, 1 or 2 each, or of the values as little-endian float32; row-major, rows in the
/// order of Hugging Face files.
std::string hash_of(const Model& model, const Matrix& matrix) {
  Sha256 hash;
  if (const auto values = engine::ternary_values(model.config, matrix)) {
    hash.update(std::as_bytes(std::span(values->codes)));
    return hash.hex();
  }
  std::vector<float> row(static_cast<std::size_t>(matrix.cols));
  for (std::int64_t r = 0; r < matrix.rows; ++r) {
    engine::float_values(model.config, matrix, r, row);
    hash.update(std::as_bytes(std::span(row)));
  }
  return hash.hex();
}

class Conversion {
 public:
  explicit Conversion(const ConversionRequest& request) : request_(request) {}

  json::object run();

 private:
  void step() const;
  void compare(const fs::path& written);
  void add_row(const std::string& name, const StoredTensor& stored);
  void add_matrix(json::object row, const std::string& tensor, const Matrix& before);
  void add_norm(json::object row, const std::string& tensor, const std::vector<float>& before);
  void add_scale(json::object row, const std::string& matrix);
  void drop(json::object row, const char* kind, const std::string& reason);
  void check_nothing_else();
  std::string target_name(const std::string& tensor) const {
    return request_.to_gguf ? tensor : engine::hf_tensor_name(tensor);
  }
  json::object place(const std::string& name);
  Matrix written_master(const Matrix& loaded);
  template <class List>
  static auto find(const List& list, const std::string& name) {
    const auto found = std::find_if(list.begin(), list.end(), [&](const auto& item) { return name_of(item) == name; });
    return found == list.end() ? nullptr : &*found;
  }
  static const std::string& name_of(const Matrix* matrix) { return matrix->name; }
  static const std::string& name_of(const Model::Norm& norm) { return norm.name; }

  const ConversionRequest& request_;
  std::shared_ptr<const Model> before_, after_;
  std::map<std::string, StoredScale> scales_before_, scales_after_;
  std::vector<const Matrix*> matrices_before_, matrices_after_;
  std::vector<Model::Norm> norms_before_, norms_after_;
  Inventory written_;
  std::optional<engine::HfTensors> master_;  ///< of a target folder whose master is not made of ternary values
  std::set<std::string> used_;               ///< tensors of the target that came from somewhere
  json::array rows_;
  std::int64_t exact_ = 0, rounded_ = 0, dropped_ = 0;
};

/// What one tensor of the target is.
json::object Conversion::place(const std::string& name) {
  const auto found = written_.find(name);
  if (found == written_.end()) fail(ErrorKind::internal, "{} was not written", name);
  used_.insert(name);
  return {{"to", name},
          {"to_type", found->second.type},
          {"to_shape", json::array(found->second.shape.begin(), found->second.shape.end())}};
}

/// The floats of a folder's master, which loading has ternarised: it is they that have to have survived.
Matrix Conversion::written_master(const Matrix& loaded) {
  if (!master_) master_.emplace(after_->source.path);
  const engine::SafeTensor* tensor = master_->find(engine::hf_tensor_name(loaded.name));
  BH_ASSERT(tensor != nullptr);
  Matrix master = loaded;
  master.format = engine::float_format(tensor->dtype);
  BH_ASSERT(master.format != nullptr);
  master.bytes = tensor->bytes;
  return master;
}

void append(json::object& row, json::object more) {
  for (auto& item : more) row[item.key()] = std::move(item.value());
}

void Conversion::add_matrix(json::object row, const std::string& tensor, const Matrix& before) {
  const auto* found = find(matrices_after_, tensor);
  if (found == nullptr) fail(ErrorKind::internal, "{} is not there any more", tensor);
  const bool ternary = scales_before_.count(tensor) > 0 && scales_after_.count(tensor) > 0;
  const Matrix after = !ternary && (*found)->format->ternary ? written_master(**found) : **found;
  const MatrixOf left{before_->config, before}, right{after_->config, after};
  const WeightDifference difference = ternary ? compare_codes(left, right) : compare_floats(left, right);
  if (!difference.equal())
    fail(ErrorKind::internal, "{} did not survive the conversion: {}", tensor, bh::harness::describe(difference));
  append(row, place(target_name(tensor)));
  row["kind"] = ternary ? "ternary" : "float";
  row["sha256"] = hash_of(*after_, after);
  bool exact = difference.identical;
  if (!ternary) row["max_difference"] = difference.max_difference;
  if (ternary) {
    const StoredScale &was = scales_before_.at(tensor), &is = scales_after_.at(tensor);
    row["scale"] = was.value;
    row["to_scale"] = is.value;
    exact = was.value == is.value;
    const std::string scale_name = target_name(tensor) + "_scale";
    if (written_.count(scale_name) > 0) {
      used_.insert(scale_name);
      row["to_scale_tensor"] = scale_name;
    }
  }
  row["exact"] = exact;
  ++(exact ? exact_ : rounded_);
  rows_.push_back(std::move(row));
}

void Conversion::add_norm(json::object row, const std::string& tensor, const std::vector<float>& before) {
  const auto* after = find(norms_after_, tensor);
  if (after == nullptr || *after->values != before)
    fail(ErrorKind::internal, "{} did not survive the conversion", tensor);
  append(row, place(target_name(tensor)));
  row["kind"] = "norm";
  row["sha256"] = sha256_floats(before);
  row["exact"] = true;
  ++exact_;
  rows_.push_back(std::move(row));
}

/// A scale that has a tensor of its own in the source: it goes with its matrix.
void Conversion::add_scale(json::object row, const std::string& matrix) {
  const auto was = scales_before_.find(matrix), is = scales_after_.find(matrix);
  if (was == scales_before_.end() || is == scales_after_.end())
    fail(ErrorKind::setup, "{}: the tensor \"{}\" belongs to no ternary matrix: there is no place for it",
         request_.source.string(), std::string_view(row.at("from").as_string()));
  const std::string name = target_name(matrix), own = name + "_scale";
  append(row, place(written_.count(own) > 0 ? own : name));
  row["kind"] = "scale";
  row["scale"] = was->second.value;
  row["to_scale"] = is->second.value;
  const bool exact = was->second.value == is->second.value;
  row["exact"] = exact;
  ++(exact ? exact_ : rounded_);
  rows_.push_back(std::move(row));
}

void Conversion::drop(json::object row, const char* kind, const std::string& reason) {
  row["to"] = nullptr;
  row["kind"] = kind;
  row["reason"] = reason;
  ++dropped_;
  rows_.push_back(std::move(row));
}

void Conversion::add_row(const std::string& name, const StoredTensor& stored) {
  json::object row{{"from", name},
                   {"from_type", stored.type},
                   {"from_shape", json::array(stored.shape.begin(), stored.shape.end())}};
  const bool folder = fs::is_directory(request_.source);
  if (folder && engine::is_constant_tensor(name))
    return drop(std::move(row), "constant", "RoPE frequencies follow from the configuration");
  const std::string_view scale_end = folder ? "_scale" : ".scale";
  if (ends_with(name, scale_end)) {
    const std::string base = name.substr(0, name.size() - scale_end.size());
    return add_scale(std::move(row), folder ? engine::gguf_tensor_name(base).value_or(base) : base + ".weight");
  }
  const std::string tensor = folder ? engine::gguf_tensor_name(name).value_or("") : name;
  if (const auto* matrix = find(matrices_before_, tensor)) return add_matrix(std::move(row), tensor, **matrix);
  if (const auto* norm = find(norms_before_, tensor)) return add_norm(std::move(row), tensor, *norm->values);
  if (tensor == "output.weight") {
    return drop(std::move(row), "unused",
                "the embeddings take its place: tie_word_embeddings, or what bitnet.cpp does for this architecture");
  }
  fail(ErrorKind::setup, "{}: the tensor \"{}\" is not mapped: nothing in the target would hold it",
       request_.source.string(), name);
}

/// Between two steps: a signal may have asked us to end.
void Conversion::step() const {
  if (request_.cancelled && request_.cancelled())
    fail(ErrorKind::setup, "the conversion to {} was interrupted; nothing was changed", request_.target.string());
}

void Conversion::check_nothing_else() {
  for (const auto& item : written_) {
    if (used_.count(item.first) == 0)
      fail(ErrorKind::internal, "the tensor \"{}\" was written but comes from nowhere", item.first);
  }
}

void Conversion::compare(const fs::path& written) {
  after_ = engine::load_model(written, {.pre_tokenizer = {}, .check_values = true});
  for (const FieldComparison& field : compare_configs(*before_, *after_)) {
    if (field.required && !field.equal)
      fail(ErrorKind::internal, "{} was {} and came out as {}", field.key, field.left, field.right);
  }
  scales_before_ = stored_scales(*before_);
  scales_after_ = stored_scales(*after_);
  matrices_before_ = before_->matrices();
  matrices_after_ = after_->matrices();
  norms_before_ = before_->norms();
  norms_after_ = after_->norms();
  written_ = list_tensors(written);
  for (const auto& [name, stored] : list_tensors(request_.source)) {
    step();
    add_row(name, stored);
  }
  check_nothing_else();
}

json::array warnings_of(const Model& before, const Model& after, bool ternarised) {
  json::array all;
  if (ternarised)
    all.emplace_back(
        "weights that are not ternary were written as a master: who loads it ternarises them, and gets other answers");
  for (const std::string& warning : before.source.warnings) all.emplace_back(warning);
  for (const FieldComparison& field : compare_vocabularies(before.tokenizer, after.tokenizer)) {
    if (!field.equal)
      all.emplace_back(
          fmt::format("the tokenizer's {} was \"{}\" and is \"{}\" in the target", field.key, field.left, field.right));
  }
  return all;
}

json::object Conversion::run() {
  check_target(request_);
  before_ = engine::load_model(request_.source, {.pre_tokenizer = request_.pre, .check_values = true});
  step();
  Staging staging(request_.target, request_.leftovers);
  const fs::path made = staging.folder() / request_.target.filename(), made_report = staging.folder() / "report.json";
  if (request_.to_gguf) {
    engine::write_gguf(*before_, request_.types, made);
  } else {
    fs::create_directory(made);
    engine::write_hf(*before_, request_.layout, made);
  }
  step();
  compare(made);
  json::value document = json::object{{"schema", "bitharness.convert/1"},
                                      {"bitharness_version", version()},
                                      {"source", json::object{{"path", request_.source.string()},
                                                              {"format", before_->source.format},
                                                              {"sha256", sha256_model(request_.source)}}},
                                      {"target", json::object{{"path", request_.target.string()},
                                                              {"format", after_->source.format},
                                                              {"sha256", sha256_model(made)}}},
                                      {"summary", json::object{{"tensors", rows_.size()},
                                                               {"exact", exact_},
                                                               {"rounded", rounded_},
                                                               {"dropped", dropped_},
                                                               {"unmapped", 0}}},
                                      {"config", to_json(compare_configs(*before_, *after_))},
                                      {"warnings", warnings_of(*before_, *after_, master_.has_value())},
                                      {"tensors", std::move(rows_)}};
  make_valid_utf8(document);
  write_json_file(made_report.string(), document);
  step();
  staging.finish([&] { put_in_place(made, made_report, request_.target); });
  return std::move(document.as_object());
}

}  // namespace

json::object convert(const ConversionRequest& request) {
  try {
    return Conversion(request).run();
  } catch (const fs::filesystem_error& error) {
    fail(ErrorKind::setup, "cannot write {}: {}", request.target.string(), error.code().message());
  }
}

}  // namespace bh::harness
