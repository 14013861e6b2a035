#include "engine/model/synth_plan.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/float_types.h"
#include "engine/model/architecture.h"
#include "engine/model/counter_random.h"
#include "engine/model/synth_vocabulary.h"

namespace bh::engine {
namespace {

constexpr SynthPreset kPresets[] = {
    {"tiny", "two narrow blocks: made and run in no time", 2, 256, 768, 4, 2, 512, 512, "llama-bpe"},
    {"2b4t-heads", "two blocks with the heads of the 2B4T model and a short feed-forward part", 2, 2560, 896, 20, 5,
     512, 512, "llama-bpe"},
    {"small", "four blocks of the 2B4T model's shapes, larger than most caches", 4, 2560, 6912, 20, 5, 32000, 4096,
     "llama-bpe"},
    {"2b4t", "the shapes of microsoft/bitnet-b1.58-2B-4T, 1.2 GB", 30, 2560, 6912, 20, 5, 128256, 4096, ""},
};

const SynthPreset& find_preset(std::string_view name) {
  std::string known;
  for (const SynthPreset& preset : kPresets) {
    if (preset.name == name) return preset;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", preset.name);
  }
  fail(ErrorKind::usage, "unknown preset \"{}\"; there are {}", name, known);
}

void require(bool holds, const std::string& problem) {
  if (!holds) fail(ErrorKind::usage, "no model can be made of these numbers: {}", problem);
}

Config make_config(const SynthOptions& options, const SynthPreset& preset, const Architecture& architecture) {
  const auto choose = [](std::int32_t wanted, std::int32_t otherwise) { return wanted != 0 ? wanted : otherwise; };
  Config config;
  config.architecture = architecture.name;
  config.name = fmt::format("synth-{}-seed{}", preset.name, options.seed);
  config.n_layer = choose(options.n_layer, preset.n_layer);
  config.n_embd = choose(options.n_embd, preset.n_embd);
  config.n_ff = choose(options.n_ff, preset.n_ff);
  config.n_head = choose(options.n_head, preset.n_head);
  config.n_head_kv = choose(options.n_head_kv, preset.n_head_kv);
  config.n_ctx = choose(options.n_ctx, preset.n_ctx);
  config.n_vocab = options.vocabulary ? static_cast<std::int32_t>(options.vocabulary->tokens.size())
                                      : choose(options.n_vocab, preset.n_vocab);
  for (const std::int32_t count : {config.n_layer, config.n_embd, config.n_ff, config.n_head, config.n_head_kv,
                                   config.n_ctx, config.n_vocab, options.head_dim + 1})
    require(count > 0, "every one must be above 0");
  if (options.head_dim == 0)
    require(config.n_embd % config.n_head == 0,
            fmt::format("an embedding of {} does not divide into {} heads; give the head size as well", config.n_embd,
                        config.n_head));
  config.head_dim = choose(options.head_dim, config.n_embd / config.n_head);
  require(config.head_dim % 2 == 0, fmt::format("the head size {} is odd", config.head_dim));
  require(config.n_head % config.n_head_kv == 0,
          fmt::format("{} heads are no multiple of {} KV heads", config.n_head, config.n_head_kv));
  require(!options.vocabulary || options.n_vocab == 0 || options.n_vocab == config.n_vocab,
          fmt::format("the given vocabulary has {} tokens, not {}", config.n_vocab, options.n_vocab));
  config.rms_eps = 1e-5f;
  config.rope_base = architecture.name == "bitnet" ? 10000.0f : 500000.0f;
  config.rope_style = architecture.rope_style;
  config.activation = architecture.activation;
  config.sub_norms = architecture.sub_norms;
  validate(config, config.name);
  return config;
}

/// Fills SynthPlan::tensors.
class TensorList {
 public:
  explicit TensorList(SynthPlan& plan) : plan_(plan) {}

  /// Logits get a standard deviation of about 3.
  void embedding(const std::string& name) {
    const Config& config = plan_.config;
    require(weight_format(plan_.embedding_type).byte_size(config.n_vocab, config.n_embd).has_value() &&
                !weight_format(plan_.embedding_type).ternary,
            fmt::format("embeddings [{}, {}] cannot be stored as {}", config.n_vocab, config.n_embd,
                        weight_format(plan_.embedding_type).name));
    plan_.tensors.push_back({SynthTensor::Kind::embedding, name, config.n_vocab, config.n_embd,
                             3.0f / std::sqrt(static_cast<float>(config.n_embd))});
  }
  void norm(const std::string& name, std::int64_t n) {
    plan_.tensors.push_back({SynthTensor::Kind::norm, name, 1, n, 0.1f});
  }
  /// A product with normed activations has a standard deviation of about 1, so 30 blocks stay sane; scales differ from
  /// matrix to matrix, so that a mix-up shows.
  void ternary(const std::string& name, std::int64_t rows, std::int64_t cols) {
    require(weight_format(TensorType::i2_s).byte_size(rows, cols).has_value(),
            fmt::format("{} [{}, {}] is no multiple of {} values, which I2_S needs", name, rows, cols, i2_s::kBlock));
    constexpr float kNonZero = 87.0f / 128.0f;
    const float spread = 0.75f + 0.5f * CounterRandom(plan_.seed, name + ".scale").uniform(0);
    const float scale = spread / std::sqrt(kNonZero * static_cast<float>(cols));
    plan_.tensors.push_back({SynthTensor::Kind::ternary, name, rows, cols, bf16_to_float(float_to_bf16(scale))});
  }

  void layer(int index) {
    const Config& config = plan_.config;
    const std::string blk = fmt::format("blk.{}.", index);
    norm(blk + "attn_norm.weight", config.n_embd);
    ternary(blk + "ffn_down.weight", config.n_embd, config.n_ff);
    if (config.sub_norms) norm(blk + "ffn_sub_norm.weight", config.n_ff);
    ternary(blk + "ffn_gate.weight", config.n_ff, config.n_embd);
    ternary(blk + "ffn_up.weight", config.n_ff, config.n_embd);
    norm(blk + "ffn_norm.weight", config.n_embd);
    if (config.sub_norms) norm(blk + "attn_sub_norm.weight", config.q_dim());
    ternary(blk + "attn_k.weight", config.kv_dim(), config.n_embd);
    ternary(blk + "attn_output.weight", config.n_embd, config.q_dim());
    ternary(blk + "attn_q.weight", config.q_dim(), config.n_embd);
    ternary(blk + "attn_v.weight", config.kv_dim(), config.n_embd);
  }

 private:
  SynthPlan& plan_;
};

}  // namespace

std::span<const SynthPreset> synth_presets() noexcept { return kPresets; }

const SynthTensor& SynthPlan::tensor(std::string_view name) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const auto& each) { return each.name == name; });
  BH_ASSERT(found != tensors.end());
  return *found;
}

SynthPlan plan_synth(const SynthOptions& options) {
  const SynthPreset& preset = find_preset(options.preset);
  const Architecture* architecture = find_architecture(options.architecture);
  if (architecture == nullptr)
    fail(ErrorKind::usage, "unknown architecture \"{}\"; use bitnet-b1.58, bitnet-25, bitnet or llama",
         options.architecture);
  SynthPlan plan;
  plan.seed = options.seed;
  plan.embedding_type = options.embedding_type;
  plan.config = make_config(options, preset, *architecture);
  plan.vocabulary = options.vocabulary ? *options.vocabulary : invent_vocabulary(plan.config.n_vocab, preset.pre);
  TensorList list(plan);
  list.embedding("token_embd.weight");
  for (int i = 0; i < plan.config.n_layer; ++i) list.layer(i);
  list.norm("output_norm.weight", plan.config.n_embd);
  if (architecture->name == "llama") list.embedding("output.weight");
  return plan;
}

}  // namespace bh::engine
