#include "engine/model/gguf_model_writer.h"

#include <algorithm>
#include <cstring>

#include "engine/base/error.h"
#include "engine/model/architecture.h"
#include "engine/model/hf_names.h"
#include "engine/model/ternary_values.h"

namespace bh::engine {
namespace {

std::uint32_t file_type(TensorType weights) {
  switch (weights) {
    case TensorType::i2_s:
      return kFileTypeI2S;
    case TensorType::f32:
      return 0;
    case TensorType::f16:
      return 1;
    case TensorType::bf16:
      return 32;
    default:
      fail(ErrorKind::usage, "linear layers are not written as {}; i2_s, f16, f32 and bf16 are there",
           weight_format(weights).name);
  }
}

/// One call's work: a model, and the configuration as the file will be read.
class Writer {
 public:
  Writer(const Model& model, const GgufTypes& types) : model_(model), types_(types), target_(model.config) {
    const Architecture* architecture = find_architecture(model.config.architecture);
    BH_ASSERT(architecture != nullptr);
    target_.rope_style = architecture->rope_style;
    if (architecture->always_tied && !model.tied_output)
      fail(ErrorKind::setup,
           "{}: its output matrix is not the embeddings, but readers of GGUF files of the architecture {} take the "
           "embeddings: the converted model would give other answers",
           model.source.path.string(), architecture->name);
  }

  void write(const std::filesystem::path& path) {
    add_model_keys(writer_, target_, vocabulary(), file_type(types_.weights));
    add_floats(model_.token_embd, types_.embeddings);
    for (std::size_t i = 0; i < model_.layers.size(); ++i) add_layer(model_.layers[i], fmt::format("blk.{}.", i));
    add_norm("output_norm.weight", model_.output_norm);
    if (!model_.tied_output) add_floats(model_.output, types_.embeddings);
    writer_.write(path);
  }

 private:
  /// With a token for every row of the embeddings: GGUF readers insist on it.
  Vocabulary vocabulary() const {
    Vocabulary result = model_.tokenizer.vocabulary();
    for (auto id = static_cast<std::int32_t>(result.tokens.size()); id < target_.n_vocab; ++id) {
      result.tokens.push_back(fmt::format("[PAD{}]", id));
      result.types.push_back(TokenType::unused);
      if (!result.scores.empty()) result.scores.push_back(0);
    }
    return result;
  }

  void add_layer(const Layer& layer, const std::string& blk) {
    add_norm(blk + "attn_norm.weight", layer.attn_norm);
    add_norm(blk + "attn_sub_norm.weight", layer.attn_sub_norm);
    add_norm(blk + "ffn_norm.weight", layer.ffn_norm);
    add_norm(blk + "ffn_sub_norm.weight", layer.ffn_sub_norm);
    for (const Matrix* matrix : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      types_.weights == TensorType::i2_s ? add_ternary(*matrix) : add_floats(*matrix, types_.weights);
    }
  }

  void add_norm(const std::string& name, const std::vector<float>& values) {
    if (values.empty()) return;
    writer_.add_tensor(name, TensorType::f32, {static_cast<std::int64_t>(values.size())},
                       [&values](std::span<std::byte> dst) { std::memcpy(dst.data(), values.data(), dst.size()); });
  }

  void add_ternary(const Matrix& matrix) {
    writer_.add_tensor(matrix.name, TensorType::i2_s, {matrix.cols, matrix.rows},
                       [this, &matrix](std::span<std::byte> dst) {
                         const auto values = ternary_values(model_.config, matrix);
                         if (!values)
                           fail(ErrorKind::usage,
                                "{} holds floats that are not ternary, which I2_S cannot hold: write them as f16, or "
                                "give the Hugging Face folder of the master",
                                matrix.name);
                         std::vector<std::uint8_t> codes(values->codes.size());
                         for (std::int64_t row = 0; row < matrix.rows; ++row)
                           std::copy_n(values->codes.begin() + row * matrix.cols, matrix.cols,
                                       codes.begin() + stored_row(target_, matrix.name, row) * matrix.cols);
                         i2_s::pack(codes, values->scale, dst);
                       });
  }

  void add_floats(const Matrix& matrix, TensorType type) {
    writer_.add_tensor(matrix.name, type, {matrix.cols, matrix.rows}, [this, &matrix, type](std::span<std::byte> dst) {
      const WeightFormat& format = weight_format(type);
      std::vector<float> row(static_cast<std::size_t>(matrix.cols));
      const std::size_t row_bytes = dst.size() / static_cast<std::size_t>(matrix.rows);
      for (std::int64_t r = 0; r < matrix.rows; ++r) {
        float_values(model_.config, matrix, r, row);
        const auto at = static_cast<std::size_t>(stored_row(target_, matrix.name, r)) * row_bytes;
        try {
          format.encode(row, 1, matrix.cols, dst.subspan(at, row_bytes));
        } catch (const Error& error) {
          fail(error.kind(), "{}, row {}: {}", matrix.name, r, error.what());
        }
      }
    });
  }

  const Model& model_;
  GgufTypes types_;
  Config target_;
  GgufWriter writer_;
};

}  // namespace

void add_model_keys(GgufWriter& writer, const Config& config, const Vocabulary& vocabulary, std::uint32_t file_type) {
  const auto key = [&](std::string_view name) { return fmt::format("{}.{}", config.architecture, name); };
  const auto count = [](std::int32_t value) { return static_cast<std::uint32_t>(value); };
  writer.add("general.architecture", std::string_view(config.architecture));
  writer.add("general.name", std::string_view(config.name));
  writer.add(key("vocab_size"), count(config.n_vocab));
  writer.add(key("context_length"), count(config.n_ctx));
  writer.add(key("embedding_length"), count(config.n_embd));
  writer.add(key("block_count"), count(config.n_layer));
  writer.add(key("feed_forward_length"), count(config.n_ff));
  writer.add(key("rope.dimension_count"), count(config.head_dim));
  writer.add(key("attention.head_count"), count(config.n_head));
  writer.add(key("attention.head_count_kv"), count(config.n_head_kv));
  if (config.q_dim() != config.n_embd) {
    writer.add(key("attention.key_length"), count(config.head_dim));
    writer.add(key("attention.value_length"), count(config.head_dim));
  }
  writer.add_bos_token(vocabulary.add_bos);
  writer.add(key("attention.layer_norm_rms_epsilon"), config.rms_eps);
  writer.add(key("rope.freq_base"), config.rope_base);
  if (config.rope_factor != 1.0f) {
    writer.add(key("rope.scaling.type"), "linear");
    writer.add(key("rope.scaling.factor"), config.rope_factor);
  }
  writer.add("general.file_type", file_type);
  writer.add(vocabulary);
  writer.add("general.quantization_version", std::uint32_t{2});
}

void write_gguf(const Model& model, const GgufTypes& types, const std::filesystem::path& path) {
  Writer(model, types).write(path);
}

}  // namespace bh::engine
