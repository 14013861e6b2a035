#include "engine/model/synth.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <set>

#include "engine/base/error.h"
#include "engine/model/counter_random.h"
#include "engine/model/gguf.h"
#include "engine/model/synth_plan.h"
#include "engine/model/ternary.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace bh::engine {
namespace {

/// A model that is made in a moment.
SynthOptions mini(const std::string& architecture = "bitnet-b1.58") {
  SynthOptions options;
  options.architecture = architecture;
  options.n_embd = 128;
  options.n_ff = 384;
  options.n_head = 4;
  options.n_head_kv = 2;
  options.n_vocab = 300;
  return options;
}

std::string reason(const SynthOptions& options) {
  try {
    make_synth_model(options);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return error.what();
  }
  FAIL("no error");
  return {};
}

void check_equal(const Matrix& a, const Matrix& b) {
  CAPTURE(a.name);
  CHECK(a.name == b.name);
  REQUIRE(a.format->type == b.format->type);
  REQUIRE(a.rows == b.rows);
  REQUIRE(a.cols == b.cols);
  std::vector<float> row_a(static_cast<std::size_t>(a.cols)), row_b = row_a;
  std::int64_t different = 0;
  for (std::int64_t row = 0; row < a.rows; ++row) {
    a.format->decode_row(a.bytes, a.rows, a.cols, row, row_a);
    b.format->decode_row(b.bytes, b.rows, b.cols, row, row_b);
    different += row_a == row_b ? 0 : 1;
  }
  CHECK(different == 0);
}

void check_equal(const Model& a, const Model& b) {
  REQUIRE(a.matrices().size() == b.matrices().size());
  for (std::size_t i = 0; i < a.matrices().size(); ++i) check_equal(*a.matrices()[i], *b.matrices()[i]);
  CHECK(a.output_norm == b.output_norm);
  for (std::size_t i = 0; i < a.layers.size(); ++i) {
    CHECK(a.layers[i].attn_norm == b.layers[i].attn_norm);
    CHECK(a.layers[i].attn_sub_norm == b.layers[i].attn_sub_norm);
    CHECK(a.layers[i].ffn_norm == b.layers[i].ffn_norm);
    CHECK(a.layers[i].ffn_sub_norm == b.layers[i].ffn_sub_norm);
  }
  CHECK(a.tokenizer.vocabulary().tokens == b.tokenizer.vocabulary().tokens);
  CHECK(a.tokenizer.vocabulary().merges == b.tokenizer.vocabulary().merges);
  CHECK(a.tokenizer.vocabulary().bos == b.tokenizer.vocabulary().bos);
}

}  // namespace

TEST_CASE("random values depend on seed, stream and index alone") {
  const CounterRandom random(1, "blk.0.attn_q.weight");
  CHECK(random.bits(7) == CounterRandom(1, "blk.0.attn_q.weight").bits(7));
  CHECK(random.bits(7) != CounterRandom(2, "blk.0.attn_q.weight").bits(7));
  CHECK(random.bits(7) != CounterRandom(1, "blk.0.attn_k.weight").bits(7));
  double sum = 0, squares = 0;
  constexpr int kCount = 100000;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const double value = static_cast<double>(random.gaussian(i));
    sum += value;
    squares += value * value;
  }
  CHECK(sum / kCount == Approx(0.0).margin(0.01));  // 3 standard errors
  CHECK(squares / kCount == Approx(1.0).margin(0.015));
}

TEST_CASE("a made model is the same for the same seed, another for another, and pinned to the bit") {
  const auto model = make_synth_model(mini()), again = make_synth_model(mini());
  check_equal(*model, *again);
  SynthOptions other = mini();
  other.seed = 2;
  const auto bytes = [](const Model& each) { return each.layers[0].q.bytes; };
  CHECK_FALSE(std::equal(bytes(*model).begin(), bytes(*model).end(), bytes(*make_synth_model(other)).begin()));

  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const Matrix* matrix : model->matrices())
    for (const std::byte byte : matrix->bytes) hash = (hash ^ std::to_integer<unsigned>(byte)) * 0x100000001b3u;
  CHECK(hash == 0x7bb6d09684d14cecu);
}

TEST_CASE("any part of a made tensor can be made alone") {
  const SynthPlan plan = plan_synth(mini());
  const SynthTensor& tensor = plan.tensor("blk.1.ffn_down.weight");
  std::vector<std::uint8_t> all(static_cast<std::size_t>(tensor.rows * tensor.cols));
  synth_codes(plan, tensor, 0, all);
  std::vector<std::uint8_t> part(301);
  for (const std::int64_t first : {0, 1, 127, 128, 5000}) {
    synth_codes(plan, tensor, first, part);
    CHECK(std::equal(part.begin(), part.end(), all.begin() + first));
  }
  const auto model = make_synth_model(mini());
  const Matrix& down = model->layers[1].down;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (i2_s::code_at(down.bytes.data(), static_cast<std::int64_t>(i)) != all[i]) FAIL("element " << i);
}

TEST_CASE("a third of the ternary weights are zero, plus and minus are even") {
  const SynthPlan plan = plan_synth(mini());
  const SynthTensor& tensor = plan.tensor("blk.0.ffn_up.weight");
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(tensor.rows * tensor.cols));
  synth_codes(plan, tensor, 0, codes);
  const auto n = static_cast<double>(codes.size());
  const auto share = [&](int code) { return static_cast<double>(std::count(codes.begin(), codes.end(), code)) / n; };
  CHECK(share(1) == 41.0 / 128.0);
  CHECK(share(0) == Approx(share(2)).margin(0.01));
  // No column and no row is left out.
  for (std::int64_t col = 0; col < tensor.cols; ++col) {
    int zeros = 0;
    for (std::int64_t row = 0; row < tensor.rows; ++row)
      zeros += codes[static_cast<std::size_t>(row * tensor.cols + col)] == 1 ? 1 : 0;
    CHECK(zeros > 384 / 5);
    CHECK(zeros < 384 / 2);
  }
}

TEST_CASE("rounding the float master gives the codes and the scale back") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    SynthOptions options = mini();
    options.seed = seed;
    const SynthPlan plan = plan_synth(options);
    for (const SynthTensor& tensor : plan.tensors) {
      if (tensor.kind != SynthTensor::Kind::ternary) continue;
      CAPTURE(seed, tensor.name);
      std::vector<std::uint16_t> master(static_cast<std::size_t>(tensor.rows * tensor.cols));
      synth_master(plan, tensor, 0, master);
      std::vector<std::uint8_t> codes(master.size());
      synth_codes(plan, tensor, 0, codes);
      const auto rounded = ternarise(weight_format(TensorType::bf16), std::as_bytes(std::span(master)), tensor.rows,
                                     tensor.cols, tensor.name);
      CHECK(i2_s::scale(rounded.span(), tensor.rows, tensor.cols) == tensor.scale);
      std::int64_t wrong = 0;
      for (std::size_t i = 0; i < codes.size(); ++i)
        wrong += i2_s::code_at(rounded.data(), static_cast<std::int64_t>(i)) == codes[i] ? 0 : 1;
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("GGUF and both Hugging Face forms of a made model load as the model in memory") {
  const test::TempFolder folder;
  for (const std::string architecture : {"bitnet-b1.58", "bitnet"}) {
    CAPTURE(architecture);
    SynthOptions options = mini(architecture);
    options.embedding_type = TensorType::bf16;  // as Hugging Face folders hold it
    const auto model = make_synth_model(options);
    write_synth_gguf(options, folder / "model.gguf");
    write_synth_hf(options, HfWeights::packed, folder / "packed");
    write_synth_hf(options, HfWeights::bf16, folder / "bf16");
    for (const char* name : {"model.gguf", "packed", "bf16"}) {
      CAPTURE(name);
      const auto loaded = load_model(folder / name, {"", true});
      check_equal(*model, *loaded);
      CHECK(loaded->config.architecture == architecture);
      CHECK(loaded->config.activation == model->config.activation);
      CHECK(loaded->config.rope_base == model->config.rope_base);
      CHECK(loaded->config.n_ctx == model->config.n_ctx);
      CHECK(loaded->source.warnings.empty());
    }
  }
}

TEST_CASE("a made model of the llama architecture has its rows in the order of each format") {
  const test::TempFolder folder;
  SynthOptions options = mini("llama");
  options.embedding_type = TensorType::bf16;
  const auto model = make_synth_model(options);
  CHECK_FALSE(model->tied_output);
  CHECK(model->layers[0].attn_sub_norm.empty());
  CHECK(model->config.rope_style == RopeStyle::adjacent_pairs);
  write_synth_gguf(options, folder / "model.gguf");
  check_equal(*model, *load_model(folder / "model.gguf"));

  for (const auto& [weights, name] : {std::pair(HfWeights::packed, "packed"), {HfWeights::bf16, "bf16"}}) {
    write_synth_hf(options, weights, folder / name);
    const auto loaded = load_model(folder / name);
    CHECK(loaded->config.architecture == "llama");
    CHECK(loaded->config.rope_style == RopeStyle::half_split);
    CHECK_FALSE(loaded->tied_output);
    check_equal(model->output, loaded->output);
    check_equal(model->layers[0].v, loaded->layers[0].v);
    // Row s * 16 + i of a head there is row 2 * i + s here.
    const Matrix &here = model->layers[0].q, &there = loaded->layers[0].q;
    std::vector<float> row_here(128), row_there(128);
    for (std::int64_t head = 0; head < 4; ++head)
      for (std::int64_t i = 0; i < 16; ++i)
        for (std::int64_t s = 0; s < 2; ++s) {
          here.format->decode_row(here.bytes, here.rows, here.cols, head * 32 + 2 * i + s, row_here);
          there.format->decode_row(there.bytes, there.rows, there.cols, head * 32 + s * 16 + i, row_there);
          CHECK(row_here == row_there);
        }
  }
}

TEST_CASE("embeddings can be stored in every float and block format") {
  const test::TempFolder folder;
  SynthOptions options = mini();
  options.n_embd = 256;
  options.embedding_type = TensorType::f32;
  const auto exact = make_synth_model(options);
  std::vector<float> row(256), stored(256);
  exact->token_embd.format->decode_row(exact->token_embd.bytes, 300, 256, 17, row);
  for (const auto& [type, tolerance] : {std::pair(TensorType::f16, 0.0f),
                                        {TensorType::bf16, 0.0f},
                                        {TensorType::q8_0, 0.01f},
                                        {TensorType::q6_k, 0.04f}}) {
    options.embedding_type = type;
    write_synth_gguf(options, folder / "model.gguf");
    const auto model = load_model(folder / "model.gguf", {"", true});
    CHECK(model->token_embd.format->type == type);
    model->token_embd.format->decode_row(model->token_embd.bytes, 300, 256, 17, stored);
    for (std::size_t i = 0; i < row.size(); ++i)
      CHECK(std::abs(stored[i] - row[i]) <= tolerance * 3.5f * 3.0f / 16.0f);  // of the largest value there can be
  }
  options.embedding_type = TensorType::i2_s;
  CHECK_THAT(reason(options), Catch::Contains("cannot be stored as I2_S"));
  options.embedding_type = TensorType::q6_k;
  options.n_embd = 128;
  CHECK_THAT(reason(options), Catch::Contains("cannot be stored as Q6_K"));
}

TEST_CASE("the plan of preset 2b4t is the official file's") {
  SynthOptions options;
  options.preset = "2b4t";
  const SynthPlan plan = plan_synth(options);
  CHECK(plan.tensors.size() == 332);
  std::uint64_t bytes = 0;
  for (const SynthTensor& tensor : plan.tensors) {
    const auto size = weight_format(stored_type(plan, tensor)).byte_size(tensor.rows, tensor.cols).value();
    bytes += (size + 31) / 32 * 32;
  }
  CHECK(bytes == 1179449920);
  CHECK(plan.vocabulary.tokens.size() == 128256);
  CHECK(plan.vocabulary.bos == 128000);
  CHECK(plan.vocabulary.eos == 128001);
  CHECK(plan.vocabulary.tokens[128009] == "<|eot_id|>");
  CHECK(plan.vocabulary.pre.empty());
}

TEST_CASE("a file of preset 2b4t has the official keys in their order") {
  const test::TempFolder folder;
  SynthOptions options = mini();
  options.preset = "2b4t";
  options.n_embd = 0;  // the width of 20 heads
  options.n_head = 0;
  options.n_head_kv = 0;
  options.n_ff = 128;
  options.n_layer = 1;
  write_synth_gguf(options, folder / "model.gguf");
  const GgufFile file = GgufFile::open(folder / "model.gguf");
  std::vector<std::string> keys;
  for (const auto& [key, value] : file.keys()) keys.push_back(key);
  const std::string a = "bitnet-b1.58.", t = "tokenizer.ggml.";
  CHECK(keys == std::vector<std::string>{"general.architecture",
                                         "general.name",
                                         a + "vocab_size",
                                         a + "context_length",
                                         a + "embedding_length",
                                         a + "block_count",
                                         a + "feed_forward_length",
                                         a + "rope.dimension_count",
                                         a + "attention.head_count",
                                         a + "attention.head_count_kv",
                                         t + "add_bos_token",
                                         a + "attention.layer_norm_rms_epsilon",
                                         a + "rope.freq_base",
                                         "general.file_type",
                                         t + "model",
                                         t + "tokens",
                                         t + "scores",
                                         t + "token_type",
                                         t + "merges",
                                         t + "bos_token_id",
                                         t + "eos_token_id",
                                         t + "padding_token_id",
                                         "tokenizer.chat_template",
                                         "general.quantization_version"});
}

TEST_CASE("the invented vocabulary has tokens for every text") {
  for (const std::int32_t size : {260, 300, 2048, 4352, 32000}) {
    CAPTURE(size);
    SynthOptions options = mini();
    options.n_vocab = size;
    const Tokenizer tokenizer(plan_synth(options).vocabulary);
    CHECK(tokenizer.size() == size);
    const auto& tokens = tokenizer.vocabulary().tokens;
    CHECK(std::set<std::string>(tokens.begin(), tokens.end()).size() == tokens.size());
    std::string every_byte = "The quick brown fox, 12345 \n\n  jumps\xff\xc3 over naïve 日本 🚀";
    for (int byte = 0; byte < 256; ++byte) every_byte += static_cast<char>(byte);
    const auto ids = tokenizer.encode(every_byte);
    CHECK(ids.front() == tokenizer.vocabulary().bos);
    CHECK(tokenizer.decode(ids) == every_byte);
    CHECK(tokenizer.is_eog(tokenizer.vocabulary().eos));
    const auto eot = tokenizer.encode("<|eot_id|>", {false, true});
    REQUIRE(eot.size() == 1);
    CHECK(tokenizer.is_eog(eot[0]));
  }
  const Tokenizer large(plan_synth([] {
                          SynthOptions options;
                          options.preset = "small";
                          return options;
                        }())
                            .vocabulary);
  CHECK(large.encode("there are some words in this text", {false, false}).size() < 20);
}

TEST_CASE("numbers that fit no model are refused with the reason") {
  const auto with = [](const std::function<void(SynthOptions&)>& change) {
    SynthOptions options = mini();
    change(options);
    return reason(options);
  };
  CHECK_THAT(with([](auto& o) { o.preset = "huge"; }), Catch::Contains("tiny, 2b4t-heads, small, 2b4t"));
  CHECK_THAT(with([](auto& o) { o.architecture = "gemma"; }), Catch::Contains("unknown architecture"));
  CHECK_THAT(with([](auto& o) { o.n_head = 3; }), Catch::Contains("does not divide into 3 heads"));
  CHECK_THAT(with([](auto& o) { o.n_head_kv = 3; }), Catch::Contains("no multiple of 3 KV heads"));
  CHECK_THAT(with([](auto& o) { o.head_dim = 33; }), Catch::Contains("odd"));
  CHECK_THAT(with([](auto& o) { o.n_layer = -1; }), Catch::Contains("above 0"));
  CHECK_THAT(with([](auto& o) { o.n_vocab = 259; }), Catch::Contains("too small"));
  CHECK_THAT(with([](auto& o) { o.n_vocab = 1 << 24; }), Catch::Contains("at most"));
  CHECK_THAT(with([](auto& o) {
               o.n_embd = 24;
               o.n_ff = 10;
             }),
             Catch::Contains("no multiple of 128 values"));
  CHECK_THAT(with([](auto& o) {
               o.vocabulary = plan_synth(mini()).vocabulary;
               o.n_vocab = 301;
             }),
             Catch::Contains("has 300 tokens, not 301"));
}

TEST_CASE("a head size of 100 and rows of no whole block can be made") {
  const test::TempFolder folder;
  SynthOptions options = mini("bitnet");
  options.n_embd = 400;  // 4 heads of 100
  options.n_ff = 1080;   // blocks cross the rows of ffn_down, as in the 3B model
  options.n_vocab = 320;
  write_synth_hf(options, HfWeights::bf16, folder / "bf16");
  write_synth_hf(options, HfWeights::packed, folder / "packed");
  options.embedding_type = TensorType::bf16;
  const auto model = make_synth_model(options);
  CHECK(model->config.head_dim == 100);
  CHECK(model->config.activation == Activation::silu);
  check_equal(*model, *load_model(folder / "bf16"));
  check_equal(*model, *load_model(folder / "packed"));
}

}  // namespace bh::engine
