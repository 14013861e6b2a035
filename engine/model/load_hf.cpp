// A Model from a Hugging Face folder: config.json, one SafeTensors file or shards, tokenizer.json. Linear weights,
// packed or float master, become canonical I2_S in memory.
#include <algorithm>
#include <cmath>
#include <exception>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/base/thread_pool.h"
#include "engine/model/hf_config.h"
#include "engine/model/hf_files.h"
#include "engine/model/hf_tensors.h"
#include "engine/model/loaders.h"
#include "engine/model/ternary.h"

namespace bh::engine {
namespace {

class HfLoader {
 public:
  HfLoader(const std::filesystem::path& folder, const LoadOptions& options)
      : folder_(folder), options_(options), config_(read_hf_config(folder)), tensors_(folder) {
    for (const SafeTensorsFile& file : tensors_.files()) model_.mappings.push_back(file.mapping());
    model_.config = config_.config;
  }

  std::shared_ptr<const Model> load() {
    model_.tokenizer = Tokenizer::from_hf_folder(folder_, options_.pre_tokenizer);
    check_vocabulary();
    read_embeddings();
    read_layers();
    convert_linears();
    refuse_leftovers();
    describe_source();
    model_.storage = storage_;
    finish_model(model_, options_);
    return std::make_shared<const Model>(std::move(model_));
  }

 private:
  /// A linear layer to convert: independent of all others.
  struct Linear {
    Matrix* matrix;
    const SafeTensor* weight;
    float scale;  ///< of packed weights
    AlignedBuffer<std::byte> buffer;
    std::exception_ptr error;
  };

  std::string where() const { return folder_.string(); }
  const SafeTensor& tensor(const std::string& name, const std::vector<std::int64_t>& shape);
  const WeightFormat& need_float(const SafeTensor& tensor) const;
  Matrix float_matrix(const std::string& hf_name, const std::string& name, std::int64_t rows, std::int64_t cols);
  std::vector<float> vector(const std::string& name, std::int64_t n);
  std::vector<float> vector(const std::string& name, const std::string& other_name, std::int64_t n);
  float packed_scale(const std::string& name);

  void check_vocabulary();
  void read_embeddings();
  void read_layers();
  void add_linear(Matrix& matrix, const std::string& hf_name, const std::string& name, std::int64_t rows,
                  std::int64_t cols);
  void convert_linears();
  void refuse_leftovers();
  void describe_source();

  std::filesystem::path folder_;
  const LoadOptions& options_;
  HfConfig config_;
  HfTensors tensors_;
  std::shared_ptr<ModelStorage> storage_ = std::make_shared<ModelStorage>();
  Model model_;
  std::vector<Linear> linears_;
  int packed_ = 0;  ///< linears that came packed
  std::unordered_set<std::string_view> used_;
};

const SafeTensor& HfLoader::tensor(const std::string& name, const std::vector<std::int64_t>& shape) {
  const SafeTensor* found = tensors_.find(name);
  if (found == nullptr) fail(ErrorKind::setup, "{}: the tensor \"{}\" is missing", where(), name);
  if (found->shape != shape)
    fail(ErrorKind::setup, "{}: the tensor \"{}\" has shape [{}], the model's configuration asks for [{}]", where(),
         name, fmt::join(found->shape, ", "), fmt::join(shape, ", "));
  used_.insert(found->name);
  return *found;
}

const WeightFormat& HfLoader::need_float(const SafeTensor& tensor) const {
  const WeightFormat* format = float_format(tensor.dtype);
  if (format == nullptr)
    fail(ErrorKind::setup, "{}: the tensor \"{}\" is of dtype {}; F32, F16 or BF16 is needed", where(), tensor.name,
         tensor.dtype);
  return *format;
}

Matrix HfLoader::float_matrix(const std::string& hf_name, const std::string& name, std::int64_t rows,
                              std::int64_t cols) {
  const SafeTensor& found = tensor(hf_name, {rows, cols});
  return {name, &need_float(found), rows, cols, storage_->keep_aligned(found.bytes), 1.0f};
}

std::vector<float> HfLoader::vector(const std::string& name, std::int64_t n) {
  const SafeTensor& found = tensor(name, {n});
  return decode_vector(need_float(found), found.bytes, n, where(), name);
}

/// Two generations of BitNet models name their sub-norms differently.
std::vector<float> HfLoader::vector(const std::string& name, const std::string& other_name, std::int64_t n) {
  return vector(tensors_.find(name) == nullptr && tensors_.find(other_name) != nullptr ? other_name : name, n);
}

float HfLoader::packed_scale(const std::string& name) {
  const SafeTensor* found = tensors_.find(name);
  const bool scalar = found != nullptr && found->shape.empty();
  const float stored =
      decode_vector(need_float(tensor(name, scalar ? std::vector<std::int64_t>{} : std::vector<std::int64_t>{1})),
                    tensors_.find(name)->bytes, 1, where(), name)[0];
  const float scale = config_.scale_multiplies ? stored : 1.0f / stored;
  if (!std::isfinite(scale) || scale <= 0)
    fail(ErrorKind::setup, "{}: the scale \"{}\" is {}; it must be finite and above 0", where(), name, stored);
  return scale;
}

void HfLoader::check_vocabulary() {
  const std::int32_t tokens = model_.tokenizer.size();
  if (tokens > model_.config.n_vocab)
    fail(ErrorKind::setup, "{}: the tokenizer has {} tokens, the model's vocabulary only {}", where(), tokens,
         model_.config.n_vocab);
  if (tokens < model_.config.n_vocab)
    model_.source.warnings.push_back(fmt::format(
        "the tokenizer has {} tokens, the model's vocabulary {}: the rest has no text", tokens, model_.config.n_vocab));
}

void HfLoader::read_embeddings() {
  const Config& config = model_.config;
  model_.token_embd = float_matrix("model.embed_tokens.weight", "token_embd.weight", config.n_vocab, config.n_embd);
  model_.output_norm = vector("model.norm.weight", config.n_embd);
  const bool has_head = tensors_.find("lm_head.weight") != nullptr;
  model_.tied_output = config_.tied.value_or(!has_head);
  model_.output = model_.token_embd;
  if (!model_.tied_output) {
    model_.output = float_matrix("lm_head.weight", "output.weight", config.n_vocab, config.n_embd);
  } else if (has_head) {
    used_.insert(tensors_.find("lm_head.weight")->name);
    model_.source.warnings.emplace_back(
        "lm_head.weight is not used: tie_word_embeddings says the embeddings take its place");
  }
}

void HfLoader::read_layers() {
  const Config& config = model_.config;
  model_.layers.resize(static_cast<std::size_t>(config.n_layer));
  for (int i = 0; i < config.n_layer; ++i) {
    Layer& layer = model_.layers[static_cast<std::size_t>(i)];
    const std::string hf = fmt::format("model.layers.{}.", i);
    const std::string blk = fmt::format("blk.{}.", i);
    layer.attn_norm = vector(hf + "input_layernorm.weight", config.n_embd);
    layer.ffn_norm = vector(hf + "post_attention_layernorm.weight", config.n_embd);
    if (config.sub_norms) {
      layer.attn_sub_norm =
          vector(hf + "self_attn.attn_sub_norm.weight", hf + "self_attn.inner_attn_ln.weight", config.q_dim());
      layer.ffn_sub_norm = vector(hf + "mlp.ffn_sub_norm.weight", hf + "mlp.ffn_layernorm.weight", config.n_ff);
    }
    add_linear(layer.q, hf + "self_attn.q_proj", blk + "attn_q", config.q_dim(), config.n_embd);
    add_linear(layer.k, hf + "self_attn.k_proj", blk + "attn_k", config.kv_dim(), config.n_embd);
    add_linear(layer.v, hf + "self_attn.v_proj", blk + "attn_v", config.kv_dim(), config.n_embd);
    add_linear(layer.o, hf + "self_attn.o_proj", blk + "attn_output", config.n_embd, config.q_dim());
    add_linear(layer.gate, hf + "mlp.gate_proj", blk + "ffn_gate", config.n_ff, config.n_embd);
    add_linear(layer.up, hf + "mlp.up_proj", blk + "ffn_up", config.n_ff, config.n_embd);
    add_linear(layer.down, hf + "mlp.down_proj", blk + "ffn_down", config.n_embd, config.n_ff);
  }
}

void HfLoader::add_linear(Matrix& matrix, const std::string& hf_name, const std::string& name, std::int64_t rows,
                          std::int64_t cols) {
  matrix = {name + ".weight", &weight_format(TensorType::i2_s), rows, cols, {}, 1.0f};
  const std::string weight_name = hf_name + ".weight";
  const SafeTensor* found = tensors_.find(weight_name);
  const bool packed = found != nullptr && found->dtype == "U8";
  if (packed && rows % 4 != 0)
    fail(ErrorKind::setup, "{}: the tensor \"{}\" is packed by fours, but has {} rows", where(), weight_name, rows);
  const SafeTensor& weight = tensor(weight_name, {packed ? rows / 4 : rows, cols});
  if (!packed) need_float(weight);
  linears_.push_back({&matrix, &weight, packed ? packed_scale(weight_name + "_scale") : 0.0f, {}, nullptr});
  packed_ += packed ? 1 : 0;
}

void HfLoader::convert_linears() {
  ThreadPool pool;
  pool.run(static_cast<std::int64_t>(linears_.size()), [&](std::int64_t i, int) {
    Linear& linear = linears_[static_cast<std::size_t>(i)];
    const Matrix& matrix = *linear.matrix;
    try {
      const std::string name = fmt::format("{}: tensor \"{}\"", where(), linear.weight->name);
      const WeightFormat* master = float_format(linear.weight->dtype);
      linear.buffer = master != nullptr
                          ? ternarise(*master, linear.weight->bytes, matrix.rows, matrix.cols, name)
                          : unpack_ternary(linear.weight->bytes, matrix.rows, matrix.cols, linear.scale, name);
      model_.release(linear.weight->bytes);
    } catch (...) {
      linear.error = std::current_exception();
    }
  });
  for (Linear& linear : linears_) {
    if (linear.error) std::rethrow_exception(linear.error);
    storage_->buffers.push_back(std::move(linear.buffer));
    linear.matrix->bytes = storage_->buffers.back().span();
  }
}

/// See load_gguf.cpp: a tensor without a place would change the answers.
void HfLoader::refuse_leftovers() {
  for (const auto& [name, each] : tensors_.all()) {
    if (!is_constant_tensor(name) && used_.count(each->name) == 0)
      fail(ErrorKind::setup,
           "{}: the tensor \"{}\" has no place in the architecture {} as it is supported here; running "
           "without it would give wrong answers",
           where(), name, model_.config.architecture);
  }
}

void HfLoader::describe_source() {
  ModelSource& source = model_.source;
  const bool all_packed = packed_ == static_cast<int>(linears_.size());
  source.path = folder_;
  source.format = all_packed ? "SafeTensors (packed)" : packed_ == 0 ? "SafeTensors (master)" : "SafeTensors (mixed)";
  if (!all_packed && !config_.online)
    source.warnings.emplace_back(
        "float weights are ternarised by their mean magnitude, as online quantization does, although config.json does "
        "not "
        "say quantization_mode \"online\"");
  source.files = hf_model_files(folder_);
  std::error_code ignored;
  for (const auto& file : source.files) {
    const auto bytes = std::filesystem::file_size(file, ignored);
    if (!ignored) source.file_bytes += bytes;
  }
}

}  // namespace

std::shared_ptr<const Model> load_hf_folder(const std::filesystem::path& folder, const LoadOptions& options) {
  return HfLoader(folder, options).load();
}

}  // namespace bh::engine
