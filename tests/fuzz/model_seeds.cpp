// Small whole models, as GGUF files and as Hugging Face folders, and such with one thing wrong.
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>

#include "tests/fuzz/files.h"
#include "tests/fuzz/seeds.h"
#include "tests/support/raw_gguf.h"
#include "tests/support/small_model.h"

namespace bh::fuzz {
namespace {

using engine::TensorType;
using engine::TokenType;
using test::SmallModel;

std::string bytes_of(const SmallModel& model) {
  const auto path = model.write(scratch_folder() / "seed.gguf");
  std::ifstream file(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  std::filesystem::remove(path);
  return bytes;
}

engine::Vocabulary tiny_vocabulary(bool spm) {
  engine::Vocabulary vocabulary;
  vocabulary.model = spm ? "llama" : "gpt2";
  vocabulary.pre = spm ? "" : "llama-bpe";
  const std::string space = spm ? "\xe2\x96\x81" : "\xc4\xa0";
  for (const std::string& token : {std::string("<unk>"), std::string("<s>"), std::string("</s>"), std::string("<0x0A>"),
                                   space, std::string("a"), std::string("b"), std::string("ab")}) {
    vocabulary.tokens.push_back(token);
    vocabulary.types.push_back(TokenType::normal);
    if (spm) vocabulary.scores.push_back(-static_cast<float>(vocabulary.tokens.size()));
  }
  vocabulary.types[0] = TokenType::unknown;
  vocabulary.types[1] = vocabulary.types[2] = TokenType::control;
  if (spm) vocabulary.types[3] = TokenType::byte;
  if (!spm) vocabulary.merges = {"a b"};
  vocabulary.unknown = 0;
  vocabulary.bos = 1;
  vocabulary.eos = 2;
  vocabulary.add_bos = true;
  return vocabulary;
}

/// A few kilobytes: the fuzzer's changes should meet structure, not weights.
SmallModel tiny(const std::string& arch = "bitnet-b1.58", bool spm = false) {
  SmallModel model;
  model.arch = arch;
  model.n_embd = 32;
  model.n_ff = 64;
  model.vocabulary = tiny_vocabulary(spm);
  model.add_all_tensors();
  return model;
}

template <class T>
void put(std::span<std::byte> bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

void add_spoiled(std::vector<Seed>& seeds) {
  const auto spoiled = [&](const std::string& name, const std::string& tensor,
                           const std::function<void(std::span<std::byte>)>& change) {
    SmallModel model = tiny();
    model.spoil(tensor, change);
    seeds.push_back({name, bytes_of(model)});
  };
  const std::size_t scale_at = 32 * 64 / 4;
  spoiled("scale-nan", "blk.0.ffn_up.weight", [=](auto bytes) { put(bytes, scale_at, std::nanf("")); });
  spoiled("scale-0", "blk.0.ffn_up.weight", [=](auto bytes) { put(bytes, scale_at, 0.0f); });
  spoiled("scale-largest", "blk.0.ffn_up.weight", [=](auto bytes) { put(bytes, scale_at, 3.4e38f); });
  spoiled("code-3", "blk.0.ffn_down.weight", [](auto bytes) { bytes[5] |= std::byte{0x03}; });
  spoiled("norm-nan", "output_norm.weight", [](auto bytes) { put(bytes, 8, std::nanf("")); });
  spoiled("norm-largest", "output_norm.weight", [](auto bytes) { put(bytes, 8, -3.4e38f); });
  spoiled("embedding-nan", "token_embd.weight", [](auto bytes) { put(bytes, 0, std::uint16_t{0x7e00}); });
  spoiled("embedding-infinite", "token_embd.weight", [](auto bytes) { put(bytes, 0, std::uint16_t{0xfc00}); });
}

void add_changed_keys(std::vector<Seed>& seeds) {
  const auto changed = [&](const std::string& key, const std::string& name, auto value) {
    SmallModel model = tiny();
    model.without_keys = {key};
    model.add_keys = [=](engine::GgufWriter& writer) { writer.add("bitnet-b1.58." + key, value); };
    seeds.push_back({key + "-" + name, bytes_of(model)});
  };
  for (const char* key :
       {"context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count",
        "attention.head_count_kv", "vocab_size", "rope.dimension_count", "attention.key_length"}) {
    changed(key, "0", std::uint32_t{0});
    changed(key, "1", std::uint32_t{1});
    changed(key, "max", std::uint32_t{0xffffffff});
    changed(key, "text", "32");
  }
  changed("context_length", "largest", std::uint32_t{1u << 26});
  changed("rope.freq_base", "nan", std::nanf(""));
  changed("rope.freq_base", "tiny", 1e-38f);
  changed("rope.scaling.type", "escape-codes", "\x1b[2J");
  changed("rope.scaling.factor", "tiny", 1e-38f);
  changed("attention.layer_norm_rms_epsilon", "tiny", 1e-45f);
}

}  // namespace

std::vector<Seed> gguf_model_seeds() {
  std::vector<Seed> seeds;
  for (const char* arch : {"bitnet-b1.58", "bitnet-25", "bitnet", "llama"}) {
    seeds.push_back({arch, bytes_of(tiny(arch))});
    seeds.push_back({arch + std::string("-spm"), bytes_of(tiny(arch, true))});
  }
  for (const TensorType type : {TensorType::f32, TensorType::f16, TensorType::bf16, TensorType::q8_0}) {
    SmallModel model = tiny("llama");
    for (SmallModel::Tensor& tensor : model.tensors)
      if (tensor.ne.size() > 1) tensor.type = type, tensor.fill = [](std::span<std::byte>) {};
    model.add("output.weight", type, {32, 8});
    seeds.push_back({"weights-of-type-" + std::to_string(static_cast<int>(type)), bytes_of(model)});
  }
  add_spoiled(seeds);
  add_changed_keys(seeds);
  for (const char* removed : {"token_embd.weight", "blk.0.attn_norm.weight", "blk.0.ffn_down.weight"}) {
    SmallModel model = tiny();
    model.remove(removed);
    seeds.push_back({std::string("without-") + removed, bytes_of(model)});
  }
  SmallModel model = tiny();
  model.vocabulary.tokens.emplace_back("more");
  model.vocabulary.types.push_back(TokenType::normal);
  seeds.push_back({"token-too-many", bytes_of(model)});
  model = tiny();
  model.vocabulary.bos = 8;
  seeds.push_back({"bos-outside", bytes_of(model)});
  model = tiny();
  model.vocabulary.merges = {"a z", "ab", " ", ""};
  seeds.push_back({"merges-of-nothing", bytes_of(model)});
  model = tiny();
  model.arch = "\x1b]0;owned\x07";
  seeds.push_back({"architecture-with-escape-codes", bytes_of(model)});
  return seeds;
}

std::vector<std::string> gguf_model_words() {
  std::vector<std::string> words = gguf_words();
  for (const char* key : {"tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.merges",
                          "tokenizer.ggml.add_bos_token", "attention.key_length", "rope.scaling.type", "linear",
                          "token_embd.weight", "output.weight", "blk.0.attn_q.scale"})
    words.push_back(test::gguf_string(key));
  return words;
}

namespace {

/// The three files of a folder; tensors are added in the order of their data.
struct TinyFolder {
  std::string config =
      R"({"architectures":["BitNetForCausalLM"],"hidden_act":"relu2","hidden_size":32,"intermediate_size":64,)"
      R"("num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,"max_position_embeddings":64,)"
      R"("rms_norm_eps":1e-5,"rope_theta":10000,"vocab_size":8,"tie_word_embeddings":true,)"
      R"("quantization_config":{"quant_method":"bitnet","linear_class":"autobitlinear","quantization_mode":"offline"}})";
  std::string tokenizer = tokenizer_json_seeds().front().bytes;
  std::string header, data;

  void tensor(const std::string& name, const std::string& dtype, const std::string& shape, const std::string& bytes) {
    header += (header.empty() ? "{\"" : ",\"") + name + R"(":{"dtype":")" + dtype + R"(","shape":[)" + shape +
              R"(],"data_offsets":[)" + std::to_string(data.size()) + "," + std::to_string(data.size() + bytes.size()) +
              "]}";
    data += bytes;
  }
  void floats(const std::string& name, const std::string& shape, std::size_t count) {
    std::string bytes;
    for (std::size_t i = 0; i < count; ++i) bytes += i % 3 == 0 ? std::string("\x80\x3f") : std::string("\x00\xbf", 2);
    tensor(name, "BF16", shape, bytes);
  }
  void linear(const std::string& name, std::size_t rows, std::size_t cols, bool packed) {
    const std::string shape = std::to_string(packed ? rows / 4 : rows) + "," + std::to_string(cols);
    if (!packed) return floats(name + ".weight", shape, rows * cols);
    tensor(name + ".weight", "U8", shape, std::string(rows * cols / 4, '\x64'));  // codes 0, 1, 2, 1
    tensor(name + ".weight_scale", "BF16", "1", "\x80\x3f");
  }
  void all_tensors(bool packed, bool sub_norms) {
    const std::string layer = "model.layers.0.";
    floats("model.embed_tokens.weight", "8,32", 256);
    floats("model.norm.weight", "32", 32);
    floats(layer + "input_layernorm.weight", "32", 32);
    floats(layer + "post_attention_layernorm.weight", "32", 32);
    if (sub_norms) {
      floats(layer + "self_attn.attn_sub_norm.weight", "32", 32);
      floats(layer + "mlp.ffn_sub_norm.weight", "64", 64);
    }
    linear(layer + "self_attn.q_proj", 32, 32, packed);
    linear(layer + "self_attn.k_proj", 16, 32, packed);
    linear(layer + "self_attn.v_proj", 16, 32, packed);
    linear(layer + "self_attn.o_proj", 32, 32, packed);
    linear(layer + "mlp.gate_proj", 64, 32, packed);
    linear(layer + "mlp.up_proj", 64, 32, packed);
    linear(layer + "mlp.down_proj", 32, 64, packed);
  }
  std::string bytes() const {
    const std::string closed = header + "}";
    return config + kPartSeparator + tokenizer + kPartSeparator + test::le(std::uint64_t{closed.size()}) + closed +
           data;
  }
};

TinyFolder tiny_folder(bool packed, bool sub_norms = true) {
  TinyFolder folder;
  folder.all_tensors(packed, sub_norms);
  return folder;
}

}  // namespace

std::vector<Seed> hf_model_seeds() {
  std::vector<Seed> seeds = {{"packed", tiny_folder(true).bytes()}, {"master", tiny_folder(false).bytes()}};
  const auto changed = [&](const std::string& name, const std::string& from, const std::string& to, bool packed = true,
                           bool sub_norms = true) {
    TinyFolder folder = tiny_folder(packed, sub_norms);
    folder.config.replace(folder.config.find(from), from.size(), to);
    seeds.push_back({name, folder.bytes()});
  };
  changed("reciprocal-scale", "autobitlinear", "bitlinear");
  changed("llama", "BitNetForCausalLM", "LlamaForCausalLM", true, false);
  changed("silu", "relu2", "silu");
  changed("rope-parameters", R"("rope_theta":10000)",
          R"("rope_parameters":{"rope_type":"linear","factor":2,"rope_theta":5e5})");
  changed("heads-0", R"("num_attention_heads":2)", R"("num_attention_heads":0)");
  changed("heads-huge", R"("num_attention_heads":2)", R"("num_attention_heads":2147483647)");
  changed("layers-huge", R"("num_hidden_layers":1)", R"("num_hidden_layers":4096)");
  changed("vocabulary-too-large", R"("vocab_size":8)", R"("vocab_size":16777216)");
  changed("vocabulary-too-small", R"("vocab_size":8)", R"("vocab_size":7)");
  changed("epsilon-negative", "1e-5", "-1e-5");
  changed("epsilon-text", "1e-5", "\"1e-5\"");
  changed("architecture-with-escape-codes", "BitNetForCausalLM", "\\u001b[2J");
  changed("context-huge", R"("max_position_embeddings":64)", R"("max_position_embeddings":67108864)");
  TinyFolder folder = tiny_folder(true);
  folder.data.replace(folder.data.find(std::string(16, '\x64')), 4, "\xff\xff\xff\xff");
  seeds.push_back({"code-3", folder.bytes()});
  folder = tiny_folder(true);
  folder.floats("lm_head.weight", "8,32", 256);
  seeds.push_back({"with-head", folder.bytes()});
  folder.floats("extra.bias", "1", 1);
  seeds.push_back({"with-bias", folder.bytes()});
  seeds.push_back({"separators-only", std::string(2, kPartSeparator)});
  seeds.push_back({"empty", ""});
  return seeds;
}

std::vector<std::string> hf_model_words() {
  std::vector<std::string> words = safetensors_words();
  for (const char* word : {"\"quantization_config\":{", "\"rope_scaling\":{", "\"head_dim\":", "\"bitlinear\"",
                           "\"tie_word_embeddings\":", "model.layers.0.", ".weight_scale", "lm_head.weight", "\x1e"})
    words.emplace_back(word);
  return words;
}

}  // namespace bh::fuzz
