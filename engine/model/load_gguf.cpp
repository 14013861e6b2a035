// A Model from a GGUF file: keys to Config, tensors to views, each checked against the other.
#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/model/architecture.h"
#include "engine/model/gguf.h"
#include "engine/model/i2s_layout.h"
#include "engine/model/loaders.h"

namespace bh::engine {
namespace {

class GgufLoader {
 public:
  GgufLoader(const std::filesystem::path& path, const LoadOptions& options)
      : file_(GgufFile::open(path)), options_(options), storage_(std::make_shared<ModelStorage>()) {
    model_.mappings.push_back(file_.mapping());
    model_.source.path = path;
    model_.source.format = fmt::format("GGUF v{}", file_.version());
    model_.source.files = {path};
    model_.source.file_bytes = file_.file_bytes();
  }

  std::shared_ptr<const Model> load() {
    find_architecture();
    read_config();
    model_.tokenizer = Tokenizer::from_gguf(file_, options_.pre_tokenizer);
    check_vocabulary();
    read_weights();
    refuse_leftovers();
    model_.storage = storage_;
    finish_model(model_, options_);
    refuse_foreign_i2s_layout(model_);
    return std::make_shared<const Model>(std::move(model_));
  }

 private:
  const std::string& where() const { return file_.where(); }
  std::string key(std::string_view name) const { return fmt::format("{}.{}", architecture_->name, name); }

  void find_architecture();
  void read_config();
  void read_rope(Config& config);
  void check_vocabulary();
  void read_weights();
  void read_layer(Layer& layer, int index);
  void refuse_leftovers();

  std::int32_t to_int32(std::string_view name, std::int64_t value) const;
  std::optional<std::int32_t> get_int(std::string_view name) const;
  std::int32_t need_int(std::string_view name) const;
  std::optional<float> get_float(std::string_view name) const;

  const GgufTensor& tensor(const std::string& name, const std::vector<std::int64_t>& ne);
  Matrix matrix(const std::string& base, std::int64_t rows, std::int64_t cols);
  /// Of a layer: may have a ".scale" tensor beside it.
  Matrix scaled_matrix(const std::string& base, std::int64_t rows, std::int64_t cols);
  std::vector<float> vector(const std::string& name, std::int64_t n);

  GgufFile file_;
  const LoadOptions& options_;
  std::shared_ptr<ModelStorage> storage_;
  const Architecture* architecture_ = nullptr;
  Model model_;
  std::unordered_set<std::string_view> used_;
};

void GgufLoader::find_architecture() {
  const auto name = file_.get_string("general.architecture");
  if (!name) fail(ErrorKind::setup, "{}: the key \"general.architecture\" is missing; this is no model file", where());
  architecture_ = engine::find_architecture(*name);
  if (architecture_ == nullptr)
    fail(ErrorKind::setup,
         "{}: the architecture \"{}\" is not supported; supported are bitnet-b1.58, bitnet-25, bitnet and "
         "llama",
         where(), *name);
  if (file_.get_int("split.count").value_or(1) > 1)
    fail(ErrorKind::setup,
         "{} is one part of a split model, which is not supported: join the parts with llama-gguf-split "
         "--merge",
         where());
  if (file_.tensors().empty())
    fail(ErrorKind::setup, "{} holds no tensors: a vocabulary only, good for tokenize but not for inference", where());
}

std::int32_t GgufLoader::to_int32(std::string_view name, std::int64_t value) const {
  if (value < 0 || value > std::numeric_limits<std::int32_t>::max())
    fail(ErrorKind::setup, "{}: the key \"{}\" has the value {}, which is out of range", where(), key(name), value);
  return static_cast<std::int32_t>(value);
}

/// Counts may stand once or per layer; layers of different shapes are not supported.
std::optional<std::int32_t> GgufLoader::get_int(std::string_view name) const {
  const GgufValue* value = file_.find(key(name));
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::array) return to_int32(name, *file_.get_int(key(name)));
  const auto values = *file_.get_ints(key(name));
  const bool uniform =
      !values.empty() && std::all_of(values.begin(), values.end(), [&](auto v) { return v == values[0]; });
  if (!uniform)
    fail(ErrorKind::setup, "{}: \"{}\" differs from layer to layer, which is not supported", where(), key(name));
  return to_int32(name, values[0]);
}

std::int32_t GgufLoader::need_int(std::string_view name) const {
  const auto value = get_int(name);
  if (!value) fail(ErrorKind::setup, "{}: the key \"{}\" is missing; convert the model again", where(), key(name));
  return *value;
}

std::optional<float> GgufLoader::get_float(std::string_view name) const {
  const auto value = file_.get_float(key(name));
  return value ? std::optional(static_cast<float>(*value)) : std::nullopt;
}

void GgufLoader::read_config() {
  Config config;
  config.architecture = architecture_->name;
  config.name = file_.get_string("general.name").value_or("");
  config.n_ctx = need_int("context_length");
  config.n_embd = need_int("embedding_length");
  config.n_layer = need_int("block_count");
  config.n_ff = need_int("feed_forward_length");
  config.n_head = need_int("attention.head_count");
  config.n_head_kv = get_int("attention.head_count_kv").value_or(config.n_head);
  const auto eps = get_float("attention.layer_norm_rms_epsilon");
  if (!eps)
    fail(ErrorKind::setup, "{}: the key \"{}\" is missing; convert the model again", where(),
         key("attention.layer_norm_rms_epsilon"));
  config.rms_eps = *eps;
  const auto head_dim = get_int("attention.key_length");
  if (!head_dim && config.n_head > 0 && config.n_embd % config.n_head != 0)
    fail(ErrorKind::setup, "{}: the embedding length {} is not a multiple of the {} heads", where(), config.n_embd,
         config.n_head);
  config.head_dim = head_dim.value_or(config.n_head > 0 ? config.n_embd / config.n_head : 0);
  if (get_int("attention.value_length").value_or(config.head_dim) != config.head_dim)
    fail(ErrorKind::setup, "{}: keys and values of different length are not supported", where());
  config.activation = architecture_->activation;
  config.sub_norms = architecture_->sub_norms;
  read_rope(config);
  const GgufTensor* embeddings = file_.find_tensor("token_embd.weight");
  if (embeddings == nullptr) fail(ErrorKind::setup, "{}: the tensor \"token_embd.weight\" is missing", where());
  config.n_vocab = to_int32("vocab_size", std::min<std::int64_t>(embeddings->rows(), 1 << 30));
  validate(config, where());
  model_.config = std::move(config);
}

void GgufLoader::read_rope(Config& config) {
  config.rope_style = architecture_->rope_style;
  config.rope_base = get_float("rope.freq_base").value_or(10000.0f);
  if (get_int("rope.dimension_count").value_or(config.head_dim) != config.head_dim)
    fail(ErrorKind::setup, "{}: rotating {} of {} dimensions of a head is not supported", where(),
         need_int("rope.dimension_count"), config.head_dim);
  const std::string type = file_.get_string(key("rope.scaling.type")).value_or("linear");
  if (type != "none" && type != "linear")
    fail(ErrorKind::setup, "{}: RoPE scaling of type \"{}\" is not supported; none and linear are", where(), type);
  const float factor = get_float("rope.scaling.factor").value_or(get_float("rope.scale_linear").value_or(1.0f));
  if (type == "linear" && factor != 0.0f) config.rope_factor = factor;
}

void GgufLoader::check_vocabulary() {
  const std::int32_t n_vocab = model_.config.n_vocab;
  const std::int32_t stated = get_int("vocab_size").value_or(n_vocab);
  if (model_.tokenizer.size() != n_vocab || stated != n_vocab)
    fail(ErrorKind::setup,
         "{}: the vocabulary has {} tokens, {} says {} and token_embd.weight has {} rows; they must agree: "
         "convert the model again",
         where(), model_.tokenizer.size(), key("vocab_size"), stated, n_vocab);
}

const GgufTensor& GgufLoader::tensor(const std::string& name, const std::vector<std::int64_t>& ne) {
  const GgufTensor* found = file_.find_tensor(name);
  if (found == nullptr)
    fail(ErrorKind::setup, "{}: the tensor \"{}\" is missing; the architecture {} needs it: convert the model again",
         where(), name, architecture_->name);
  std::vector<std::int64_t> shape = found->ne;
  while (shape.size() > ne.size() && shape.back() == 1) shape.pop_back();
  if (shape != ne)
    fail(ErrorKind::setup, "{}: the tensor \"{}\" has shape [{}], the model's configuration asks for [{}]", where(),
         name, fmt::join(found->ne, ", "), fmt::join(ne, ", "));
  used_.insert(found->name);
  return *found;
}

Matrix GgufLoader::matrix(const std::string& base, std::int64_t rows, std::int64_t cols) {
  const GgufTensor& found = tensor(base + ".weight", {cols, rows});
  return {found.name, find_weight_format(found.type_id), rows, cols, storage_->keep_aligned(found.bytes), 1.0f};
}

Matrix GgufLoader::scaled_matrix(const std::string& base, std::int64_t rows, std::int64_t cols) {
  Matrix result = matrix(base, rows, cols);
  if (architecture_->scales && file_.find_tensor(base + ".scale") != nullptr)
    result.post_scale = vector(base + ".scale", 1)[0];
  return result;
}

std::vector<float> GgufLoader::vector(const std::string& name, std::int64_t n) {
  const GgufTensor& found = tensor(name, {n});
  const WeightFormat& format = *find_weight_format(found.type_id);
  return decode_vector(format, found.bytes, n, where(), name);
}

void GgufLoader::read_layer(Layer& layer, int index) {
  const Config& config = model_.config;
  const std::string blk = fmt::format("blk.{}.", index);
  layer.attn_norm = vector(blk + "attn_norm.weight", config.n_embd);
  layer.ffn_norm = vector(blk + "ffn_norm.weight", config.n_embd);
  if (config.sub_norms) {
    layer.attn_sub_norm = vector(blk + "attn_sub_norm.weight", config.q_dim());
    layer.ffn_sub_norm = vector(blk + "ffn_sub_norm.weight", config.n_ff);
  }
  layer.q = scaled_matrix(blk + "attn_q", config.q_dim(), config.n_embd);
  layer.k = scaled_matrix(blk + "attn_k", config.kv_dim(), config.n_embd);
  layer.v = scaled_matrix(blk + "attn_v", config.kv_dim(), config.n_embd);
  layer.o = scaled_matrix(blk + "attn_output", config.n_embd, config.q_dim());
  layer.gate = scaled_matrix(blk + "ffn_gate", config.n_ff, config.n_embd);
  layer.up = scaled_matrix(blk + "ffn_up", config.n_ff, config.n_embd);
  layer.down = scaled_matrix(blk + "ffn_down", config.n_embd, config.n_ff);
}

void GgufLoader::read_weights() {
  const Config& config = model_.config;
  model_.token_embd = matrix("token_embd", config.n_vocab, config.n_embd);
  model_.output_norm = vector("output_norm.weight", config.n_embd);
  model_.layers.resize(static_cast<std::size_t>(config.n_layer));
  for (int i = 0; i < config.n_layer; ++i) read_layer(model_.layers[static_cast<std::size_t>(i)], i);

  const bool has_output = file_.find_tensor("output.weight") != nullptr;
  model_.tied_output = !has_output || architecture_->always_tied;
  model_.output = model_.token_embd;
  if (!has_output) return;
  const Matrix output = matrix("output", config.n_vocab, config.n_embd);
  if (!model_.tied_output) {
    model_.output = output;
  } else {
    model_.source.warnings.push_back(fmt::format(
        "output.weight is not used: for the architecture {}, bitnet.cpp takes token_embd.weight for the output",
        architecture_->name));
  }
}

/// A tensor that nothing reads (a bias, RoPE factors) would change the model's answers: better no answer than a wrong
/// one.
void GgufLoader::refuse_leftovers() {
  for (const GgufTensor& each : file_.tensors()) {
    if (used_.count(each.name) == 0)
      fail(ErrorKind::setup,
           "{}: the tensor \"{}\" has no place in the architecture {} as it is supported here; running "
           "without it would give wrong answers",
           where(), each.name, architecture_->name);
  }
}

}  // namespace

std::shared_ptr<const Model> load_gguf(const std::filesystem::path& path, const LoadOptions& options) {
  return GgufLoader(path, options).load();
}

}  // namespace bh::engine
