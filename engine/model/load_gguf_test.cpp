// Loading GGUF models: the shipped one, recorded ones, and small ones made to be wrong in one way each.
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include "engine/base/error.h"
#include "engine/model/model.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/small_model.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bh::engine;
using bh::test::SmallModel;
using bh::test::TempFolder;

std::shared_ptr<const Model> load(const SmallModel& model, const LoadOptions& options = {}) {
  const TempFolder folder;
  return load_model(model.write(folder / "model.gguf"), options);
}

void refused(const SmallModel& model, const std::string& because, const LoadOptions& options = {}) {
  std::string message;
  try {
    load(model, options);
  } catch (const bh::Error& error) {
    REQUIRE(error.kind() == bh::ErrorKind::setup);
    message = error.what();
  }
  INFO("message: " << message);
  REQUIRE(message.find(because) != std::string::npos);
  REQUIRE(message.find("model.gguf") != std::string::npos);
}

bool has_warning(const Model& model, const std::string& part) {
  for (const std::string& warning : model.source.warnings)
    if (warning.find(part) != std::string::npos) return true;
  return false;
}

template <class T>
void put(std::span<std::byte> bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

}  // namespace

TEST_CASE("the shipped model loads from GGUF") {
  const auto model = load_model(bh::test::shipped_model() / "kjv-3m-i2_s.gguf", {{}, true});
  const Config& config = model->config;
  REQUIRE(config.architecture == "bitnet-b1.58");
  REQUIRE(config.n_vocab == 2048);
  REQUIRE(config.n_ctx == 256);
  REQUIRE(config.n_embd == 256);
  REQUIRE(config.n_layer == 4);
  REQUIRE(config.n_head == 4);
  REQUIRE(config.n_head_kv == 2);
  REQUIRE(config.head_dim == 64);
  REQUIRE(config.n_ff == 768);
  REQUIRE(config.activation == Activation::squared_relu);
  REQUIRE(config.rope_style == RopeStyle::half_split);
  REQUIRE(config.sub_norms);
  REQUIRE(config.rms_eps == 1e-5f);
  REQUIRE(model->tied_output);
  REQUIRE(model->output.bytes.data() == model->token_embd.bytes.data());
  REQUIRE(model->layers.size() == 4);
  REQUIRE(model->matrices().size() == 1 + 4 * 7);
  REQUIRE(model->layers[3].down.format->type == TensorType::i2_s);
  REQUIRE(model->layers[3].down.rows == 256);
  REQUIRE(model->layers[3].down.cols == 768);
  REQUIRE(model->layers[0].ffn_sub_norm.size() == 768);
  REQUIRE(model->tokenizer.size() == 2048);
  REQUIRE(model->source.format == "GGUF v3");
  REQUIRE(model->source.file_bytes == 1925440);
}

TEST_CASE("the models recorded from bitnet.cpp load with the settings of their architecture", "[shared]") {
  const auto b158 = bh::test::shared_file("reference/h128-bitnet-b1.58.gguf");
  const auto bitnet = bh::test::shared_file("reference/h128-bitnet.gguf");
  const auto llama = bh::test::shared_file("reference/h128-llama.gguf");
  if (!b158 || !bitnet || !llama) return;
  const auto first = load_model(*b158, {{}, true});
  REQUIRE(first->config.activation == Activation::squared_relu);
  REQUIRE(first->tied_output);
  const auto second = load_model(*bitnet, {{}, true});
  REQUIRE(second->config.activation == Activation::silu);
  REQUIRE(second->config.sub_norms);
  const auto third = load_model(*llama, {{}, true});
  REQUIRE(third->config.activation == Activation::silu);
  REQUIRE(third->config.rope_style == RopeStyle::adjacent_pairs);
  REQUIRE(!third->config.sub_norms);
  REQUIRE(!third->tied_output);
  REQUIRE(third->output.name == "output.weight");
}

TEST_CASE("weights may stand as F16 in a GGUF file", "[shared]") {
  const auto path = bh::test::shared_file("models/kjv-3m/kjv-3m-f16.gguf");
  if (!path) return;
  REQUIRE(load_model(*path)->layers[0].q.format->type == TensorType::f16);
}

TEST_CASE("a file with a vocabulary only is no model", "[shared]") {
  const auto path = bh::test::shared_file("data/tokenizers/llama-spm.gguf");
  if (!path) return;
  REQUIRE_THROWS_WITH(load_model(*path), Catch::Contains("a vocabulary only"));
}

TEST_CASE("each architecture's name decides activation, rotation, sub-norms and output") {
  for (const auto* arch : {"bitnet-b1.58", "bitnet-25"}) {
    SmallModel made = SmallModel::make(arch);
    REQUIRE(load(made)->tied_output);
    made.add("output.weight", TensorType::f16, {128, 258});
    const auto model = load(made);
    REQUIRE(model->tied_output);
    REQUIRE(has_warning(*model, "output.weight is not used"));
  }
  SmallModel made = SmallModel::make("bitnet");
  REQUIRE(load(made)->config.activation == Activation::silu);
  made = SmallModel::make("llama");
  REQUIRE(load(made)->tied_output);
  made.add("output.weight", TensorType::f16, {128, 258});
  REQUIRE(!load(made)->tied_output);
  made.arch = "gpt2";
  refused(made, "the architecture \"gpt2\" is not supported");
}

TEST_CASE("scales of the architecture bitnet multiply after the product") {
  SmallModel made = SmallModel::make("bitnet");
  made.add("blk.0.attn_q.scale", TensorType::f32, {1});
  made.spoil("blk.0.attn_q.scale", [](auto bytes) { put(bytes, 0, 0.25f); });
  REQUIRE(load(made)->layers[0].q.post_scale == 0.25f);
  REQUIRE(load(made)->layers[0].k.post_scale == 1.0f);
  made.spoil("blk.0.attn_q.scale", [](auto bytes) { put(bytes, 0, std::nanf("")); });
  refused(made, "\"blk.0.attn_q.scale\" holds nan");
  made.arch = "bitnet-b1.58";
  refused(made, "\"blk.0.attn_q.scale\" has no place");
  for (const std::string name : {"token_embd.scale", "output.scale"}) {  // only layers have them
    SmallModel head = SmallModel::make("bitnet");
    head.add(name, TensorType::f32, {1});
    refused(head, '"' + name + "\" has no place");
  }
}

TEST_CASE("heads of 100 values and rows that are no multiple of 128 load with a warning") {
  SmallModel made;
  made.arch = "bitnet";
  made.n_embd = 200;
  made.n_ff = 640;
  made.n_head_kv = 2;
  made.add_all_tensors();
  for (const std::string name : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
    auto& tensor = made.tensor("blk.0." + name + ".weight");  // 200 x 200 values are no whole number of blocks of 128
    tensor.type = TensorType::f16;
    tensor.fill = [](std::span<std::byte>) {};
  }
  const auto model = load(made);
  REQUIRE(model->config.head_dim == 100);
  REQUIRE(model->layers[0].gate.format->type == TensorType::i2_s);
  REQUIRE(has_warning(*model, "bitnet.cpp miscomputes"));
  REQUIRE(!has_warning(*load(SmallModel::make()), "bitnet.cpp miscomputes"));
}

TEST_CASE("every key a GGUF model needs is asked for by name") {
  for (const std::string key : {"context_length", "embedding_length", "block_count", "feed_forward_length",
                                "attention.head_count", "attention.layer_norm_rms_epsilon"}) {
    SmallModel made = SmallModel::make();
    made.without_keys = {key};
    refused(made, "\"bitnet-b1.58." + key + "\" is missing");
  }
  SmallModel made = SmallModel::make();
  made.n_head_kv = 2;
  made.add_all_tensors();
  made.without_keys = {"attention.head_count_kv", "rope.freq_base"};
  const auto model = load(made);
  REQUIRE(model->config.n_head_kv == 2);
  REQUIRE(model->config.rope_base == 10000.0f);
}

TEST_CASE("every tensor of a GGUF model is asked for by name and shape") {
  const SmallModel whole = SmallModel::make();
  for (const auto& tensor : whole.tensors) {
    SmallModel made = whole;
    made.remove(tensor.name);
    refused(made, "\"" + tensor.name + "\" is missing");
    made = whole;
    made.tensor(tensor.name).ne.back() += 128;
    made.tensor(tensor.name).fill = [](std::span<std::byte>) {};
    REQUIRE_THROWS_AS(load(made), bh::Error);
  }
  SmallModel made = whole;
  made.tensor("blk.0.attn_k.weight").ne = {64, 128};
  refused(made, "\"blk.0.attn_k.weight\" has shape [64, 128], the model's configuration asks for [128, 64]");
}

TEST_CASE("tensors that would be ignored are refused") {
  SmallModel made = SmallModel::make("llama");
  made.add("blk.0.attn_q.bias", TensorType::f32, {128});
  refused(made, "\"blk.0.attn_q.bias\" has no place");
  made = SmallModel::make("llama");
  made.add("rope_freqs.weight", TensorType::f32, {32});
  refused(made, "\"rope_freqs.weight\" has no place");
}

TEST_CASE("a vocabulary of the wrong size is refused") {
  SmallModel made = SmallModel::make();
  made.vocabulary.tokens.push_back("more");
  made.vocabulary.types.push_back(TokenType::normal);
  refused(made, "must agree");
  made = SmallModel::make();
  made.add_keys = [](GgufWriter& writer) { writer.add("bitnet-b1.58.vocab_size", std::uint32_t{259}); };
  refused(made, "must agree");
}

TEST_CASE("RoPE scaling is linear or refused") {
  SmallModel made = SmallModel::make();
  made.add_keys = [](GgufWriter& writer) {
    writer.add("bitnet-b1.58.rope.scaling.type", "linear");
    writer.add("bitnet-b1.58.rope.scaling.factor", 2.0f);
  };
  REQUIRE(load(made)->config.rope_factor == 2.0f);
  made.add_keys = [](GgufWriter& writer) {
    writer.add("bitnet-b1.58.rope.scaling.type", "none");
    writer.add("bitnet-b1.58.rope.scaling.factor", 2.0f);
  };
  REQUIRE(load(made)->config.rope_factor == 1.0f);
  made.add_keys = [](GgufWriter& writer) { writer.add("bitnet-b1.58.rope.scaling.type", "yarn"); };
  refused(made, "RoPE scaling of type \"yarn\" is not supported");
  made.add_keys = [](GgufWriter& writer) { writer.add("bitnet-b1.58.rope.dimension_count", std::uint32_t{32}); };
  refused(made, "32 of 64");
}

TEST_CASE("numbers that do not fit each other are refused") {
  const auto with = [](const std::string& name, auto value) {
    SmallModel made = SmallModel::make();
    made.without_keys = {name};
    made.add_keys = [=](GgufWriter& writer) { writer.add("bitnet-b1.58." + name, value); };
    return made;
  };
  refused(with("attention.head_count", std::uint32_t{0}), "number of heads is 0");
  refused(with("attention.head_count", std::uint32_t{3}), "not a multiple of the 3 heads");
  refused(with("embedding_length", std::uint32_t{1} << 20), "embedding length is 1048576; 1 to 524288 is possible");
  refused(with("attention.head_count_kv", std::uint32_t{0}), "number of KV heads is 0");
  refused(with("block_count", std::uint32_t{0xffffffff}), "out of range");
  refused(with("block_count", std::uint32_t{100000}), "number of layers is 100000");
  refused(with("block_count", std::uint32_t{2}), "\"blk.1.attn_norm.weight\" is missing");
  refused(with("context_length", std::uint32_t{0}), "context length is 0");
  refused(with("attention.layer_norm_rms_epsilon", std::nanf("")), "RMS epsilon is nan");
  refused(with("rope.freq_base", -1.0f), "RoPE base is -1");
  refused(with("rope.freq_base", 1e-38f), "RoPE base is");  // angles beyond any number that a sine is known of
  refused(with("rope.scaling.factor", 1e-38f), "RoPE scaling factor is");
  refused(with("embedding_length", 128.0f), "is of type f32, not an integer");
  refused(with("attention.head_count", std::uint32_t{128}), "head size 1 is odd");
  const std::vector<std::int32_t> uneven = {256};
  SmallModel made = with("feed_forward_length", std::uint32_t{0});
  made.add_keys = [&](GgufWriter& writer) {
    writer.add("bitnet-b1.58.feed_forward_length", std::span<const std::int32_t>(uneven));
  };
  REQUIRE(load(made)->config.n_ff == 256);
  const std::vector<std::int32_t> layers = {256, 512};
  made.add_keys = [&](GgufWriter& writer) {
    writer.add("bitnet-b1.58.feed_forward_length", std::span<const std::int32_t>(layers));
  };
  refused(made, "differs from layer to layer");
}

TEST_CASE("illegal codes and scales of a ternary matrix are always found") {
  for (const float scale : {0.0f, -0.5f, std::nanf(""), std::numeric_limits<float>::infinity()}) {
    SmallModel made = SmallModel::make();
    made.spoil("blk.0.ffn_up.weight", [=](auto bytes) { put(bytes, 128 * 256 / 4, scale); });
    refused(made, "\"blk.0.ffn_up.weight\" (I2_S): scale");
  }
  SmallModel made = SmallModel::make();
  made.spoil("blk.0.ffn_down.weight", [](auto bytes) { bytes[5 * 256 / 4 + 7] |= std::byte{0x03}; });
  refused(made, "\"blk.0.ffn_down.weight\" (I2_S): illegal 2-bit code 3 at row 5, column 103");
}

TEST_CASE("values that are not finite are found in norms always, elsewhere when asked for") {
  SmallModel made = SmallModel::make();
  made.spoil("blk.0.ffn_norm.weight", [](auto bytes) { put(bytes, 4 * 9, std::nanf("")); });
  refused(made, "\"blk.0.ffn_norm.weight\" holds nan at index 9");
  made = SmallModel::make();
  made.spoil("token_embd.weight", [](auto bytes) { put(bytes, 2 * (128 * 3 + 4), std::uint16_t{0x7c00}); });
  REQUIRE(load(made) != nullptr);
  refused(made, "\"token_embd.weight\" (F16): inf at row 3, column 4", {{}, true});
}

TEST_CASE("what is no model says what it is") {
  const TempFolder folder;
  REQUIRE_THROWS_WITH(load_model(folder / "none.gguf"), Catch::Contains("No such file"));
  REQUIRE_THROWS_WITH(load_model("/dev/zero"), Catch::Contains("not a regular file"));
  std::ofstream(folder / "text.gguf") << "hello, this is no model";
  REQUIRE_THROWS_WITH(load_model(folder / "text.gguf"), Catch::Contains("not a GGUF file"));
  std::ofstream(folder / "empty.gguf") << "";
  REQUIRE_THROWS_WITH(load_model(folder / "empty.gguf"), Catch::Contains("is empty"));
  REQUIRE_THROWS_WITH(load_model(folder / "model.safetensors"), Catch::Contains("give the folder"));
}
