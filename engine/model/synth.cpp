#include "engine/model/synth.h"

#include "engine/base/aligned_buffer.h"
#include "engine/base/error.h"
#include "engine/model/architecture.h"
#include "engine/model/gguf_model_writer.h"
#include "engine/model/loaders.h"
#include "engine/model/synth_plan.h"

namespace bh::engine {
namespace {

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
  Vocabulary vocabulary = plan.vocabulary;
  vocabulary.scores.resize(vocabulary.tokens.size());  // the official file has them, too
  add_model_keys(writer, plan.config, vocabulary, kFileTypeI2S);
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
