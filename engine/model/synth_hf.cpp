// Made models as Hugging Face folders: config.json, tokenizer files and one model.safetensors.
#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/base/aligned_buffer.h"
#include "engine/base/error.h"
#include "engine/base/float_types.h"
#include "engine/base/json.h"
#include "engine/model/safetensors.h"
#include "engine/model/synth_plan.h"
#include "engine/model/vocabulary_hf_writer.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kChunkRows = 16;

struct Name {
  std::string_view gguf, hf;
};

constexpr Name kLayerNames[] = {{"attn_norm", "input_layernorm"},
                                {"attn_sub_norm", "self_attn.attn_sub_norm"},
                                {"ffn_norm", "post_attention_layernorm"},
                                {"ffn_sub_norm", "mlp.ffn_sub_norm"},
                                {"attn_q", "self_attn.q_proj"},
                                {"attn_k", "self_attn.k_proj"},
                                {"attn_v", "self_attn.v_proj"},
                                {"attn_output", "self_attn.o_proj"},
                                {"ffn_gate", "mlp.gate_proj"},
                                {"ffn_up", "mlp.up_proj"},
                                {"ffn_down", "mlp.down_proj"}};

/// "blk.3.attn_q.weight" -> {"3", "attn_q"}
std::pair<std::string, std::string> layer_and_part(const std::string& name) {
  const std::size_t dot = name.find('.', 4), end = name.rfind('.');
  return {name.substr(4, dot - 4), name.substr(dot + 1, end - dot - 1)};
}

std::string hf_name(const std::string& name) {
  if (name == "token_embd.weight") return "model.embed_tokens.weight";
  if (name == "output_norm.weight") return "model.norm.weight";
  if (name == "output.weight") return "lm_head.weight";
  const auto [layer, part] = layer_and_part(name);
  const auto* found = std::find_if(std::begin(kLayerNames), std::end(kLayerNames),
                                   [part = part](const Name& row) { return row.gguf == part; });
  BH_ASSERT(found != std::end(kLayerNames));
  return fmt::format("model.layers.{}.{}.weight", layer, found->hf);
}

/// Fills tensors of a folder.
class Filler {
 public:
  explicit Filler(const SynthPlan& plan) : plan_(plan) {}

  void packed(const SynthTensor& tensor, std::span<std::byte> dst) {
    const std::int64_t quarter = tensor.rows / 4;
    for_each_row(quarter, tensor.cols, [&](std::int64_t row, std::span<std::uint8_t> codes) {
      const auto packed_row = dst.subspan(static_cast<std::size_t>(row * tensor.cols), codes.size());
      for (unsigned part = 0; part < 4; ++part) {
        synth_codes(plan_, tensor, stored_row(tensor, part * quarter + row) * tensor.cols, codes);
        for (std::size_t i = 0; i < codes.size(); ++i) packed_row[i] |= static_cast<std::byte>(codes[i] << (2 * part));
      }
    });
  }
  void master(const SynthTensor& tensor, std::span<std::byte> dst) {
    const auto values = as_bf16(dst);
    for_each_row(tensor.rows, 0, [&](std::int64_t row, std::span<std::uint8_t>) {
      synth_master(plan_, tensor, stored_row(tensor, row) * tensor.cols, row_of(values, tensor, row));
    });
  }
  void floats(const SynthTensor& tensor, std::span<std::byte> dst) {
    const auto values = as_bf16(dst);
    const auto row_bytes = tensor.cols * static_cast<std::int64_t>(sizeof(float));
    for_each_row(tensor.rows, row_bytes, [&](std::int64_t row, std::span<std::uint8_t> scratch) {
      const std::span exact(reinterpret_cast<float*>(scratch.data()), static_cast<std::size_t>(tensor.cols));
      synth_floats(plan_, tensor, row * tensor.cols, exact);
      std::transform(exact.begin(), exact.end(), row_of(values, tensor, row).begin(), float_to_bf16);
    });
  }

 private:
  static std::span<std::uint16_t> as_bf16(std::span<std::byte> bytes) {
    return {reinterpret_cast<std::uint16_t*>(bytes.data()), bytes.size() / sizeof(std::uint16_t)};
  }
  static std::span<std::uint16_t> row_of(std::span<std::uint16_t> values, const SynthTensor& tensor, std::int64_t row) {
    return values.subspan(static_cast<std::size_t>(row * tensor.cols), static_cast<std::size_t>(tensor.cols));
  }

  /// The row of the GGUF tensor that is row `row` here. Converters permute q and k for adjacent pairs: row s * d/2 + i
  /// of a head here is row 2 * i + s there.
  std::int64_t stored_row(const SynthTensor& tensor, std::int64_t row) const {
    if (plan_.config.rope_style != RopeStyle::adjacent_pairs) return row;
    const std::string part = layer_and_part(tensor.name).second;
    if (part != "attn_q" && part != "attn_k") return row;
    const std::int64_t head = row / plan_.config.head_dim, r = row % plan_.config.head_dim;
    const std::int64_t half = plan_.config.head_dim / 2;
    return head * plan_.config.head_dim + 2 * (r % half) + r / half;
  }

  /// Calls work(row, scratch bytes of its own) for every row, in parallel.
  template <class Work>
  void for_each_row(std::int64_t rows, std::int64_t scratch_bytes, const Work& work) {
    std::vector<AlignedBuffer<std::uint8_t>> scratch;
    for (int i = 0; i < pool_.threads(); ++i) scratch.emplace_back(static_cast<std::size_t>(scratch_bytes));
    pool_.run((rows + kChunkRows - 1) / kChunkRows, [&](std::int64_t chunk, int thread) {
      const std::int64_t end = std::min(rows, (chunk + 1) * kChunkRows);
      for (std::int64_t row = chunk * kChunkRows; row < end; ++row)
        work(row, scratch[static_cast<std::size_t>(thread)].span());
    });
  }

  const SynthPlan& plan_;
  ThreadPool pool_;
};

void add_ternary(SafeTensorsWriter& writer, const SynthTensor& tensor, HfWeights weights, Filler& filler) {
  const std::string name = hf_name(tensor.name);
  if (weights == HfWeights::bf16) {
    writer.add_tensor(name, "BF16", {tensor.rows, tensor.cols},
                      [&tensor, &filler](std::span<std::byte> dst) { filler.master(tensor, dst); });
    return;
  }
  if (tensor.rows % 4 != 0)
    fail(ErrorKind::usage, "{} has {} rows, which cannot be packed by fours; write gguf or hf-bf16", tensor.name,
         tensor.rows);
  writer.add_tensor(name, "U8", {tensor.rows / 4, tensor.cols},
                    [&tensor, &filler](std::span<std::byte> dst) { filler.packed(tensor, dst); });
  writer.add_tensor(name + "_scale", "BF16", {1}, [&tensor](std::span<std::byte> dst) {
    const std::uint16_t bits = float_to_bf16(tensor.scale);
    std::memcpy(dst.data(), &bits, sizeof bits);
  });
}

json::object make_config(const SynthPlan& plan, HfWeights weights) {
  const Config& config = plan.config;
  const bool llama = config.architecture == "llama";
  const auto id_or_null = [](TokenId id) { return id == kNoToken ? json::value(nullptr) : json::value(id); };
  json::object result = {{"architectures", json::array{llama ? "LlamaForCausalLM" : "BitNetForCausalLM"}},
                         {"model_type", llama ? "llama" : "bitnet"},
                         {"hidden_act", config.activation == Activation::silu ? "silu" : "relu2"},
                         {"hidden_size", config.n_embd},
                         {"intermediate_size", config.n_ff},
                         {"num_hidden_layers", config.n_layer},
                         {"num_attention_heads", config.n_head},
                         {"num_key_value_heads", config.n_head_kv},
                         {"max_position_embeddings", config.n_ctx},
                         {"rms_norm_eps", 1e-5},
                         {"rope_theta", static_cast<double>(config.rope_base)},
                         {"vocab_size", config.n_vocab},
                         {"bos_token_id", id_or_null(plan.vocabulary.bos)},
                         {"eos_token_id", id_or_null(plan.vocabulary.eos)},
                         {"pad_token_id", id_or_null(plan.vocabulary.padding)},
                         {"tie_word_embeddings", !llama},
                         {"torch_dtype", "bfloat16"},
                         {"use_cache", true}};
  if (config.q_dim() != config.n_embd) result["head_dim"] = config.head_dim;
  result["quantization_config"] =
      json::object{{"quant_method", "bitnet"},
                   {"linear_class", "autobitlinear"},
                   {"quantization_mode", weights == HfWeights::packed ? "offline" : "online"}};
  return result;
}

}  // namespace

void write_synth_hf(const SynthOptions& options, HfWeights weights, const std::filesystem::path& folder) {
  const SynthPlan plan = plan_synth(options);
  Filler filler(plan);
  SafeTensorsWriter writer;
  writer.add_metadata("format", "pt");
  for (const SynthTensor& tensor : plan.tensors) {
    if (tensor.kind == SynthTensor::Kind::ternary) {
      add_ternary(writer, tensor, weights, filler);
      continue;
    }
    const bool norm = tensor.kind == SynthTensor::Kind::norm;
    writer.add_tensor(
        hf_name(tensor.name), "BF16",
        norm ? std::vector<std::int64_t>{tensor.cols} : std::vector<std::int64_t>{tensor.rows, tensor.cols},
        [&tensor, &filler](std::span<std::byte> dst) { filler.floats(tensor, dst); });
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail(ErrorKind::setup, "cannot make the folder {}: {}", folder.string(), error.message());
  write_hf_vocabulary(plan.vocabulary, folder);
  write_json_file((folder / "config.json").string(), make_config(plan, weights));
  writer.write(folder / "model.safetensors");
}

}  // namespace bh::engine
