#include "engine/model/synth.h"

#include "engine/base/aligned_buffer.h"
#include "engine/base/error.h"
#include "engine/model/architecture.h"
#include "engine/model/gguf_writer.h"
#include "engine/model/loaders.h"
#include "engine/model/synth_plan.h"

namespace bh::engine {
namespace {

constexpr std::uint32_t kFileTypeI2S = 40;  // general.file_type "mostly I2_S" in bitnet.cpp

/// Makes the tensors of a plan in memory.
class Maker {
 public:
  explicit Maker(const SynthPlan& plan) : plan_(plan), storage_(std::make_shared<ModelStorage>()) {}

  std::shared_ptr<const Model> make() {
    auto model = std::make_shared<Model>();
    const Config& config = plan_.config;
    model->config = config;
    model->tokenizer = Tokenizer(plan_.vocabulary);
    model->token_embd = matrix("token_embd.weight");
    model->tied_output = config.architecture != "llama";
    model->output = model->tied_output ? model->token_embd : matrix("output.weight");
    model->output_norm = norm("output_norm.weight");
    for (int i = 0; i < config.n_layer; ++i) model->layers.push_back(layer(fmt::format("blk.{}.", i)));
    model->source.path = config.name;
    model->source.format = "made in memory";
    model->storage = storage_;
    finish_model(*model, {});
    return model;
  }

 private:
  Layer layer(const std::string& blk) {
    const bool sub_norms = plan_.config.sub_norms;
    Layer layer;
    layer.attn_norm = norm(blk + "attn_norm.weight");
    layer.ffn_norm = norm(blk + "ffn_norm.weight");
    if (sub_norms) layer.attn_sub_norm = norm(blk + "attn_sub_norm.weight");
    if (sub_norms) layer.ffn_sub_norm = norm(blk + "ffn_sub_norm.weight");
    layer.q = matrix(blk + "attn_q.weight");
    layer.k = matrix(blk + "attn_k.weight");
    layer.v = matrix(blk + "attn_v.weight");
    layer.o = matrix(blk + "attn_output.weight");
    layer.gate = matrix(blk + "ffn_gate.weight");
    layer.up = matrix(blk + "ffn_up.weight");
    layer.down = matrix(blk + "ffn_down.weight");
    return layer;
  }
  Matrix matrix(const std::string& name) {
    const SynthTensor& tensor = plan_.tensor(name);
    const WeightFormat& format = weight_format(stored_type(plan_, tensor));
    AlignedBuffer<std::byte> bytes(*format.byte_size(tensor.rows, tensor.cols));
    fill_synth(plan_, tensor, pool_, bytes.span());
    storage_->buffers.push_back(std::move(bytes));
    return {name, &format, tensor.rows, tensor.cols, storage_->buffers.back().span(), 1.0f};
  }
  std::vector<float> norm(const std::string& name) {
    const SynthTensor& tensor = plan_.tensor(name);
    std::vector<float> values(static_cast<std::size_t>(tensor.cols));
    synth_floats(plan_, tensor, 0, values);
    return values;
  }

  const SynthPlan& plan_;
  ThreadPool pool_;
  std::shared_ptr<ModelStorage> storage_;
};

/// The keys of the official 2B4T file in its order, and those that another shape or vocabulary needs.
void add_keys(GgufWriter& writer, const Config& config, const Vocabulary& vocabulary) {
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
  writer.add("tokenizer.ggml.add_bos_token", vocabulary.add_bos);
  writer.add(key("attention.layer_norm_rms_epsilon"), config.rms_eps);
  writer.add(key("rope.freq_base"), config.rope_base);
  writer.add("general.file_type", kFileTypeI2S);
}

void add_keys(GgufWriter& writer, const Vocabulary& vocabulary) {
  const std::string prefix = "tokenizer.ggml.";
  writer.add(prefix + "model", std::string_view(vocabulary.model));
  if (!vocabulary.pre.empty()) writer.add(prefix + "pre", std::string_view(vocabulary.pre));
  writer.add(prefix + "tokens", std::span<const std::string>(vocabulary.tokens));
  std::vector<float> scores = vocabulary.scores;
  scores.resize(vocabulary.tokens.size());
  writer.add(prefix + "scores", std::span<const float>(scores));
  std::vector<std::int32_t> types;
  for (const TokenType type : vocabulary.types) types.push_back(static_cast<std::int32_t>(type));
  writer.add(prefix + "token_type", std::span<const std::int32_t>(types));
  if (!vocabulary.merges.empty()) writer.add(prefix + "merges", std::span<const std::string>(vocabulary.merges));
  const std::pair<const char*, TokenId> ids[] = {
      {"bos_token_id", vocabulary.bos},         {"eos_token_id", vocabulary.eos},
      {"eot_token_id", vocabulary.eot},         {"eom_token_id", vocabulary.eom},
      {"unknown_token_id", vocabulary.unknown}, {"padding_token_id", vocabulary.padding}};
  for (const auto& [name, id] : ids)
    if (id != kNoToken) writer.add(prefix + name, static_cast<std::uint32_t>(id));
  if (vocabulary.add_eos) writer.add(prefix + "add_eos_token", true);
  if (vocabulary.model == "llama") writer.add(prefix + "add_space_prefix", vocabulary.add_space_prefix);
  if (!vocabulary.chat_template.empty())
    writer.add("tokenizer.chat_template", std::string_view(vocabulary.chat_template));
  writer.add("general.quantization_version", std::uint32_t{2});
}

}  // namespace

std::shared_ptr<const Model> make_synth_model(const SynthOptions& options) {
  const SynthPlan plan = plan_synth(options);
  try {
    return Maker(plan).make();
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::setup, "not enough memory to make {}; ask for fewer blocks or a smaller width", plan.config.name);
  }
}

void write_synth_gguf(const SynthOptions& options, const std::filesystem::path& path) {
  const SynthPlan plan = plan_synth(options);
  GgufWriter writer;
  add_keys(writer, plan.config, plan.vocabulary);
  add_keys(writer, plan.vocabulary);
  ThreadPool pool;
  for (const SynthTensor& tensor : plan.tensors) {
    const std::vector<std::int64_t> ne = tensor.kind == SynthTensor::Kind::norm
                                             ? std::vector<std::int64_t>{tensor.cols}
                                             : std::vector<std::int64_t>{tensor.cols, tensor.rows};
    writer.add_tensor(tensor.name, stored_type(plan, tensor), ne,
                      [&plan, &tensor, &pool](std::span<std::byte> bytes) { fill_synth(plan, tensor, pool, bytes); });
  }
  writer.write(path);
}

}  // namespace bh::engine
