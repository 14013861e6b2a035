// Loading Hugging Face folders: the shipped ones, and small ones made to be wrong in one way each.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "engine/base/error.h"
#include "engine/base/float_types.h"
#include "engine/base/json.h"
#include "engine/model/model.h"
#include "engine/model/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bh::engine;
using bh::test::TempFolder;

/// Codes and scale, without the bytes behind the scale, which mean nothing.
std::span<const std::byte> meaning(const Matrix& matrix) {
  return matrix.bytes.first(static_cast<std::size_t>(matrix.rows * matrix.cols / 4) + sizeof(float));
}

bool same_matrix(const Matrix& a, const Matrix& b) {
  return a.name == b.name && a.rows == b.rows && a.cols == b.cols && a.format == b.format &&
         std::equal(meaning(a).begin(), meaning(a).end(), meaning(b).begin(), meaning(b).end());
}

/// A folder of a one-block model; every tensor bf16 with arbitrary values unless replaced.
struct SmallFolder {
  bh::json::object config = {
      {"architectures", bh::json::array{"BitNetForCausalLM"}},
      {"model_type", "bitnet"},
      {"hidden_act", "relu2"},
      {"hidden_size", 128},
      {"intermediate_size", 256},
      {"num_hidden_layers", 1},
      {"num_attention_heads", 2},
      {"num_key_value_heads", 1},
      {"max_position_embeddings", 64},
      {"rms_norm_eps", 1e-5},
      {"rope_theta", 10000},
      {"vocab_size", 2048},
      {"quantization_config",
       {{"quant_method", "bitnet"}, {"linear_class", "autobitlinear"}, {"quantization_mode", "online"}}}};
  struct Tensor {
    std::string dtype;
    std::vector<std::int64_t> shape;
    std::vector<std::uint8_t> bytes;
  };
  std::map<std::string, Tensor> tensors;

  explicit SmallFolder(bool packed = false, bool sub_norms = true) {
    const std::string layer = "model.layers.0.";
    floats("model.embed_tokens.weight", {2048, 128});
    floats("model.norm.weight", {128});
    floats(layer + "input_layernorm.weight", {128});
    floats(layer + "post_attention_layernorm.weight", {128});
    if (sub_norms) {
      floats(layer + "self_attn.attn_sub_norm.weight", {128});
      floats(layer + "mlp.ffn_sub_norm.weight", {256});
    }
    const std::tuple<const char*, std::int64_t, std::int64_t> linears[] = {
        {"self_attn.q_proj", 128, 128}, {"self_attn.k_proj", 64, 128}, {"self_attn.v_proj", 64, 128},
        {"self_attn.o_proj", 128, 128}, {"mlp.gate_proj", 256, 128},   {"mlp.up_proj", 256, 128},
        {"mlp.down_proj", 128, 256}};
    for (const auto& [name, rows, cols] : linears) {
      const std::string weight = layer + name + ".weight";
      if (!packed) {
        floats(weight, {rows, cols});
        continue;
      }
      tensors[weight] = {
          "U8", {rows / 4, cols}, std::vector<std::uint8_t>(static_cast<std::size_t>(rows / 4 * cols), 0x92)};
      floats(weight + "_scale", {1});
      bf16(weight + "_scale", 0, 0.5f);
    }
  }

  void floats(const std::string& name, const std::vector<std::int64_t>& shape) {
    std::int64_t n = 1;
    for (const std::int64_t extent : shape) n *= extent;
    std::vector<std::uint8_t> bytes;
    std::uint32_t state = 5;
    for (std::int64_t i = 0; i < n; ++i) {
      state = state * 1664525u + 1013904223u;
      const std::uint16_t bits = bh::float_to_bf16(static_cast<float>(state >> 8) * 0x1p-23f - 0.9f);
      bytes.push_back(static_cast<std::uint8_t>(bits & 0xff));
      bytes.push_back(static_cast<std::uint8_t>(bits >> 8));
    }
    tensors[name] = {"BF16", shape, bytes};
  }
  void bf16(const std::string& name, std::size_t index, float value) {
    const std::uint16_t bits = bh::float_to_bf16(value);
    std::memcpy(tensors.at(name).bytes.data() + 2 * index, &bits, 2);
  }

  static void write_tensors(const std::filesystem::path& path, const std::map<std::string, Tensor>& tensors) {
    SafeTensorsWriter writer;
    for (const auto& [name, tensor] : tensors)
      writer.add_tensor(name, tensor.dtype, tensor.shape, [&source = tensor.bytes](std::span<std::byte> bytes) {
        std::memcpy(bytes.data(), source.data(), bytes.size());
      });
    writer.write(path);
  }
  void write_rest(const std::filesystem::path& folder) const {
    std::ofstream(folder / "config.json") << bh::write_json(config);
    for (const char* name : {"tokenizer.json", "tokenizer_config.json", "generation_config.json"})
      std::filesystem::copy_file(bh::test::shipped_model() / "bf16" / name, folder / name,
                                 std::filesystem::copy_options::overwrite_existing);
  }
  std::shared_ptr<const Model> load() const {
    const TempFolder folder;
    write_tensors(folder / "model.safetensors", tensors);
    write_rest(folder.path());
    return load_model(folder.path());
  }
  void refused(const std::string& because) const {
    std::string message;
    try {
      load();
    } catch (const bh::Error& error) {
      REQUIRE(error.kind() == bh::ErrorKind::setup);
      message = error.what();
    }
    INFO("message: " << message);
    REQUIRE(message.find(because) != std::string::npos);
  }
};

bool has_warning(const Model& model, const std::string& part) {
  for (const std::string& warning : model.source.warnings)
    if (warning.find(part) != std::string::npos) return true;
  return false;
}

}  // namespace

TEST_CASE("the shipped model is the same from its master, its packed and its GGUF form") {
  const auto gguf = load_model(bh::test::shipped_model() / "kjv-3m-i2_s.gguf");
  for (const char* form : {"bf16", "packed"}) {
    const auto model = load_model(bh::test::shipped_model() / form);
    REQUIRE(model->source.format == (form == std::string("bf16") ? "SafeTensors (master)" : "SafeTensors (packed)"));
    REQUIRE(model->source.warnings.empty());
    Config config = model->config;
    REQUIRE(config.architecture == gguf->config.architecture);
    REQUIRE(config.n_ctx == gguf->config.n_ctx);
    REQUIRE(config.head_dim == gguf->config.head_dim);
    REQUIRE(config.rms_eps == gguf->config.rms_eps);
    REQUIRE(config.rope_base == gguf->config.rope_base);
    REQUIRE(config.activation == gguf->config.activation);
    REQUIRE(config.rope_style == gguf->config.rope_style);
    REQUIRE(model->tied_output);
    REQUIRE(model->output_norm == gguf->output_norm);
    REQUIRE(model->token_embd.format->type == TensorType::bf16);
    for (std::size_t i = 0; i < gguf->layers.size(); ++i) {
      const Layer& a = model->layers[i];
      const Layer& b = gguf->layers[i];
      INFO(form << " layer " << i);
      REQUIRE(a.attn_norm == b.attn_norm);
      REQUIRE(a.attn_sub_norm == b.attn_sub_norm);
      REQUIRE(a.ffn_norm == b.ffn_norm);
      REQUIRE(a.ffn_sub_norm == b.ffn_sub_norm);
      REQUIRE(same_matrix(a.q, b.q));
      REQUIRE(same_matrix(a.k, b.k));
      REQUIRE(same_matrix(a.v, b.v));
      REQUIRE(same_matrix(a.o, b.o));
      REQUIRE(same_matrix(a.gate, b.gate));
      REQUIRE(same_matrix(a.up, b.up));
      REQUIRE(same_matrix(a.down, b.down));
    }
  }
}

TEST_CASE("packed bytes hold four quarters of the rows, the first in the low bits") {
  SmallFolder made(true);
  // The first two bytes of the example of two rows a quarter: W[i * R + r, c] + 1 in bits 2i of byte [r, c].
  auto& bytes = made.tensors.at("model.layers.0.self_attn.k_proj.weight").bytes;
  bytes[0] = 0x98;            // codes 0, 2, 1, 2
  bytes[128 * 3 + 5] = 0x09;  // codes 1, 2, 0, 0
  const auto model = made.load();
  const Matrix& k = model->layers[0].k;
  const auto code = [&](std::int64_t row, std::int64_t col) { return i2_s::code_at(k.bytes.data(), row * 128 + col); };
  REQUIRE(code(0, 0) == 0);
  REQUIRE(code(16, 0) == 2);
  REQUIRE(code(32, 0) == 1);
  REQUIRE(code(48, 0) == 2);
  REQUIRE(code(3, 5) == 1);
  REQUIRE(code(19, 5) == 2);
  REQUIRE(code(35, 5) == 0);
  REQUIRE(code(51, 5) == 0);
}

TEST_CASE("a packed scale multiplies for autobitlinear and divides for bitlinear") {
  SmallFolder made(true);
  const std::string scale = "model.layers.0.mlp.up_proj.weight_scale";
  made.bf16(scale, 0, 4.0f);
  for (const auto& [name, tensor] : made.tensors)
    if (name.find("weight_scale") != std::string::npos) made.bf16(name, 0, 4.0f);
  const auto up_scale = [&] {
    const auto model = made.load();
    return i2_s::scale(model->layers[0].up.bytes, 256, 128);
  };
  REQUIRE(up_scale() == 4.0f);
  auto& quantization = made.config["quantization_config"].as_object();
  quantization["linear_class"] = "bitlinear";
  REQUIRE(up_scale() == 0.25f);
  quantization.erase("linear_class");
  REQUIRE(up_scale() == 0.25f);
  for (const float bad : {0.0f, -1.0f, std::nanf("")}) {
    made.bf16(scale, 0, bad);
    made.refused("up_proj.weight_scale\"");
  }
  made.tensors.erase(scale);
  made.refused("up_proj.weight_scale\" is missing");
}

TEST_CASE("a float master is ternarised by its mean magnitude") {
  SmallFolder made;
  const std::string weight = "model.layers.0.self_attn.q_proj.weight";
  for (std::size_t i = 0; i < 128 * 128; ++i) made.bf16(weight, i, i % 2 == 0 ? 1.0f : -1.0f);
  // Pairs that leave the mean at 1.
  made.bf16(weight, 6, 0.5f);  // a tie, which rounds to the even 0
  made.bf16(weight, 8, 1.5f);
  made.bf16(weight, 10, 0.5078125f);
  made.bf16(weight, 12, 1.4921875f);
  const auto model = made.load();
  const Matrix& q = model->layers[0].q;
  REQUIRE(i2_s::scale(q.bytes, 128, 128) == 1.0f);
  const int expected[13] = {2, 0, 2, 0, 2, 0, 1, 0, 2, 0, 2, 0, 2};
  for (int i = 0; i < 13; ++i) REQUIRE(i2_s::code_at(q.bytes.data(), i) == expected[i]);
  REQUIRE(!has_warning(*model, "ternarised"));

  made.config["quantization_config"].as_object()["quantization_mode"] = "offline";
  REQUIRE(has_warning(*made.load(), "float weights are ternarised"));
  made.config.erase("quantization_config");
  REQUIRE(has_warning(*made.load(), "float weights are ternarised"));
  made.bf16(weight, 77, std::nanf(""));
  made.refused("q_proj.weight\": holds values that are not finite");
}

TEST_CASE("the activation is what config.json says, whatever the architecture is called") {
  SmallFolder made;
  REQUIRE(made.load()->config.activation == Activation::squared_relu);
  made.config["hidden_act"] = "silu";
  made.config["architectures"] = bh::json::array{"BitnetForCausalLM"};
  const auto model = made.load();
  REQUIRE(model->config.activation == Activation::silu);
  REQUIRE(model->config.architecture == "bitnet");
  REQUIRE(model->config.sub_norms);
  made.config["hidden_act"] = "gelu";
  made.refused("the activation \"gelu\" is not supported");
}

TEST_CASE("the sub-norms of the first BitNet models go by other names") {
  SmallFolder made;
  const std::string layer = "model.layers.0.";
  for (const auto& [name, other] : {std::pair{"self_attn.attn_sub_norm", "self_attn.inner_attn_ln"},
                                    std::pair{"mlp.ffn_sub_norm", "mlp.ffn_layernorm"}}) {
    auto node = made.tensors.extract(layer + name + ".weight");
    node.key() = layer + other + ".weight";
    made.tensors.insert(std::move(node));
  }
  REQUIRE(made.load()->layers[0].ffn_sub_norm.size() == 256);
  made.tensors.erase(layer + "mlp.ffn_layernorm.weight");
  made.refused("mlp.ffn_sub_norm.weight\" is missing");
}

TEST_CASE("a Llama folder runs as one only with BitNet weights") {
  SmallFolder made(true, false);
  made.config["architectures"] = bh::json::array{"LlamaForCausalLM"};
  made.config["hidden_act"] = "silu";
  made.floats("lm_head.weight", {2048, 128});
  const auto model = made.load();
  REQUIRE(model->config.architecture == "llama");
  REQUIRE(model->config.rope_style == RopeStyle::half_split);
  REQUIRE(!model->config.sub_norms);
  REQUIRE(!model->tied_output);
  REQUIRE(model->output.name == "output.weight");
  made.config["tie_word_embeddings"] = true;
  REQUIRE(made.load()->tied_output);
  REQUIRE(has_warning(*made.load(), "lm_head.weight is not used"));
  made.config["tie_word_embeddings"] = false;
  made.tensors.erase("lm_head.weight");
  made.refused("lm_head.weight\" is missing");
  made.config.erase("quantization_config");
  made.refused("is no BitNet model");
}

TEST_CASE("shards are found through their index, and only beside it") {
  const SmallFolder made;
  const TempFolder folder;
  std::map<std::string, SmallFolder::Tensor> parts[2];
  bh::json::object map;
  int i = 0;
  for (const auto& [name, tensor] : made.tensors) {
    parts[i % 2].emplace(name, tensor);
    map[name] = i++ % 2 == 0 ? "a.safetensors" : "b.safetensors";
  }
  SmallFolder::write_tensors(folder / "a.safetensors", parts[0]);
  SmallFolder::write_tensors(folder / "b.safetensors", parts[1]);
  made.write_rest(folder.path());
  const auto load_with = [&](const bh::json::value& index) {
    std::ofstream(folder / "model.safetensors.index.json") << bh::write_json(index);
    return load_model(folder.path());
  };
  const auto model = load_with({{"weight_map", map}});
  const auto whole = made.load();
  REQUIRE(same_matrix(model->layers[0].down, whole->layers[0].down));
  REQUIRE(model->source.files.size() == 2 + 1 + 4);
  // What stands beside the shards is no part of the model, and what the index names is, whatever it is called.
  std::ofstream(folder / "adapter.safetensors") << "not read";
  std::filesystem::rename(folder / "b.safetensors", folder / "weights.st");
  for (auto& entry : map)
    if (entry.value() == "b.safetensors") entry.value() = "weights.st";
  const auto files = load_with({{"weight_map", map}})->source.files;
  REQUIRE(files.size() == 2 + 1 + 4);
  REQUIRE(std::count(files.begin(), files.end(), folder / "weights.st") == 1);
  REQUIRE(std::count(files.begin(), files.end(), folder / "adapter.safetensors") == 0);

  const std::string name = made.tensors.begin()->first;
  map[name] = "weights.st";
  REQUIRE_THROWS_WITH(load_with({{"weight_map", map}}), Catch::Contains("is not in weights.st"));
  for (const char* bad : {"../a.safetensors", "/etc/passwd", "..", ""}) {
    map[name] = bad;
    REQUIRE_THROWS_WITH(load_with({{"weight_map", map}}), Catch::Contains("no file beside the index"));
  }
  map[name] = "none.safetensors";
  REQUIRE_THROWS_WITH(load_with({{"weight_map", map}}), Catch::Contains("none.safetensors"));
  REQUIRE_THROWS_WITH(load_with({{"weights", map}}), Catch::Contains("no object \"weight_map\""));
}

TEST_CASE("a folder that is no model says what is wrong with it") {
  const TempFolder empty;
  REQUIRE_THROWS_WITH(load_model(empty.path()), Catch::Contains("holds no config.json"));
  const SmallFolder made;
  made.write_rest(empty.path());
  REQUIRE_THROWS_WITH(load_model(empty.path()), Catch::Contains("holds neither model.safetensors"));

  for (const std::string key : {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
                                "intermediate_size", "max_position_embeddings", "rms_norm_eps", "hidden_act"}) {
    SmallFolder spoiled;
    spoiled.config.erase(key);
    spoiled.refused("\"" + key + "\" is missing");
    spoiled.config[key] = bh::json::array{};
    spoiled.refused("\"" + key + "\" is not");
  }
  SmallFolder spoiled;
  spoiled.config["architectures"] = bh::json::array{"GPT2LMHeadModel"};
  spoiled.refused("\"GPT2LMHeadModel\" is not supported");
  spoiled = SmallFolder();
  spoiled.config["rope_scaling"] = {{"rope_type", "yarn"}, {"factor", 4.0}};
  spoiled.refused("RoPE scaling of type \"yarn\"");
  spoiled.config["rope_scaling"] = {{"type", "linear"}, {"factor", 4.0}};
  REQUIRE(spoiled.load()->config.rope_factor == 4.0f);
  spoiled = SmallFolder();
  spoiled.config["quantization_config"] = {{"quant_method", "gptq"}};
  spoiled.refused("\"gptq\" is not supported");
  spoiled = SmallFolder();
  spoiled.config["num_hidden_layers"] = 2;
  spoiled.refused("\"model.layers.1.input_layernorm.weight\" is missing");
  spoiled = SmallFolder();
  spoiled.config["vocab_size"] = 2047;
  spoiled.refused("the tokenizer has 2048 tokens");
  spoiled = SmallFolder();
  spoiled.config["num_attention_heads"] = 0;
  spoiled.refused("not a multiple of the 0 heads");
  spoiled.config["num_attention_heads"] = std::int64_t{1} << 40;
  spoiled.refused("out of range");
}

TEST_CASE("every tensor of a folder is asked for by name and shape, and none is ignored") {
  const SmallFolder whole;
  for (const auto& [name, tensor] : whole.tensors) {
    SmallFolder made = whole;
    made.tensors.erase(name);
    made.refused("is missing");
    auto shape = tensor.shape;
    shape.back() += 1;
    made.floats(name, shape);
    made.refused("asks for");
  }
  SmallFolder made;
  made.floats("model.layers.0.self_attn.q_proj.bias", {128});
  made.refused("q_proj.bias\" has no place");
  made = SmallFolder();
  made.floats("model.layers.0.self_attn.rotary_emb.inv_freq", {32});
  REQUIRE(made.load() != nullptr);
  made = SmallFolder(true);
  made.tensors.at("model.layers.0.mlp.down_proj.weight").bytes[300] = 0xc0;
  made.refused("down_proj.weight\": illegal 2-bit code 3 at row 97, column 44");
  made = SmallFolder();
  made.tensors.at("model.norm.weight").dtype = "I16";
  made.refused("is of dtype I16");
}
