// A made model of one block, as the parts of a GGUF file that tests leave out, add to or spoil.
#pragma once

#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "engine/formats/formats.h"
#include "engine/model/gguf_writer.h"
#include "engine/model/tokenizer.h"

namespace bh::test {

struct SmallModel {
  struct Tensor {
    std::string name;
    engine::TensorType type;
    std::vector<std::int64_t> ne;
    std::function<void(std::span<std::byte>)> fill;
  };

  std::string arch = "bitnet-b1.58";
  std::uint32_t n_embd = 128, n_ff = 256, n_head = 2, n_head_kv = 1, n_layer = 1;
  std::vector<std::string> without_keys;              ///< without the architecture's prefix
  std::function<void(engine::GgufWriter&)> add_keys;  ///< more keys
  engine::Vocabulary vocabulary = byte_vocabulary();
  std::vector<Tensor> tensors;

  /// All tensors of the architecture, in order; ternary codes and norms are arbitrary but sound.
  static SmallModel make(const std::string& arch = "bitnet-b1.58") {
    SmallModel model;
    model.arch = arch;
    model.add_all_tensors();
    return model;
  }

  void add_all_tensors() {
    using engine::TensorType;
    tensors.clear();
    const std::int64_t embd = n_embd, ff = n_ff, head = embd / n_head, kv = head * n_head_kv;
    const auto n_vocab = static_cast<std::int64_t>(vocabulary.tokens.size());
    add("token_embd.weight", TensorType::f16, {embd, n_vocab});
    for (std::uint32_t layer = 0; layer < n_layer; ++layer) {
      const std::string blk = "blk." + std::to_string(layer) + ".";
      add(blk + "attn_norm.weight", TensorType::f32, {embd});
      add(blk + "ffn_norm.weight", TensorType::f32, {embd});
      if (arch != "llama") {
        add(blk + "attn_sub_norm.weight", TensorType::f32, {embd});
        add(blk + "ffn_sub_norm.weight", TensorType::f32, {ff});
      }
      add(blk + "attn_q.weight", TensorType::i2_s, {embd, embd});
      add(blk + "attn_k.weight", TensorType::i2_s, {embd, kv});
      add(blk + "attn_v.weight", TensorType::i2_s, {embd, kv});
      add(blk + "attn_output.weight", TensorType::i2_s, {embd, embd});
      add(blk + "ffn_gate.weight", TensorType::i2_s, {embd, ff});
      add(blk + "ffn_up.weight", TensorType::i2_s, {embd, ff});
      add(blk + "ffn_down.weight", TensorType::i2_s, {ff, embd});
    }
    add("output_norm.weight", TensorType::f32, {embd});
  }

  void add(const std::string& name, engine::TensorType type, const std::vector<std::int64_t>& ne) {
    tensors.push_back({name, type, ne, [type, ne](std::span<std::byte> bytes) { fill(bytes, type, ne); }});
  }
  Tensor& tensor(const std::string& name) {
    for (Tensor& each : tensors)
      if (each.name == name) return each;
    throw std::out_of_range(name);
  }
  void remove(const std::string& name) { tensors.erase(tensors.begin() + (&tensor(name) - tensors.data())); }
  /// Changes the bytes of a tensor after they were made.
  void spoil(const std::string& name, std::function<void(std::span<std::byte>)> change) {
    auto& each = tensor(name).fill;
    each = [before = each, change = std::move(change)](std::span<std::byte> bytes) {
      before(bytes);
      change(bytes);
    };
  }

  std::filesystem::path write(const std::filesystem::path& path) const {
    engine::GgufWriter writer;
    writer.add("general.architecture", std::string_view(arch));
    const auto key = [&](const std::string& name, auto value) {
      for (const std::string& omitted : without_keys)
        if (omitted == name) return;
      writer.add(arch + "." + name, value);
    };
    key("context_length", std::uint32_t{64});
    key("embedding_length", n_embd);
    key("block_count", n_layer);
    key("feed_forward_length", n_ff);
    key("attention.head_count", n_head);
    key("attention.head_count_kv", n_head_kv);
    key("attention.layer_norm_rms_epsilon", 1e-5f);
    key("rope.freq_base", 10000.0f);
    writer.add(vocabulary);
    if (add_keys) add_keys(writer);
    for (const Tensor& each : tensors) writer.add_tensor(each.name, each.type, each.ne, each.fill);
    writer.write(path);
    return path;
  }

 private:
  /// The 256 bytes in the GPT-2 alphabet, one pair of them and an end token.
  static engine::Vocabulary byte_vocabulary() {
    engine::Vocabulary vocabulary;
    vocabulary.model = "gpt2";
    vocabulary.pre = "llama-bpe";
    std::uint32_t next = 256;
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      const bool itself = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
      const std::uint32_t point = itself ? byte : next++;
      vocabulary.tokens.push_back(
          point < 128 ? std::string(1, static_cast<char>(point))
                      : std::string{static_cast<char>(0xc0 | (point >> 6)), static_cast<char>(0x80 | (point & 0x3f))});
      vocabulary.types.push_back(engine::TokenType::normal);
    }
    vocabulary.tokens.emplace_back("th");
    vocabulary.types.push_back(engine::TokenType::normal);
    vocabulary.merges = {"t h"};
    vocabulary.tokens.emplace_back("<|end_of_text|>");
    vocabulary.types.push_back(engine::TokenType::control);
    vocabulary.bos = vocabulary.eos = 257;
    return vocabulary;
  }

  static void fill(std::span<std::byte> bytes, engine::TensorType type, const std::vector<std::int64_t>& ne) {
    const std::int64_t rows = ne.size() > 1 ? ne[1] : 1;
    std::vector<float> values(static_cast<std::size_t>(rows * ne[0]));
    std::uint32_t state = 99;
    for (float& value : values) {
      state = state * 1664525u + 1013904223u;
      value = 0.5f * static_cast<float>(static_cast<int>((state >> 16) % 3) - 1);
      if (rows == 1) value += 1.0f;  // a norm
    }
    engine::weight_format(type).encode(values, rows, ne[0], bytes);
  }
};

}  // namespace bh::test
