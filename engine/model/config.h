// The hyper-parameters of a model, read from GGUF keys or a Hugging Face config.json. Plain data.
#pragma once

#include <cstdint>
#include <string>

namespace bh::engine {

enum class Activation { squared_relu, silu };
enum class RopeStyle { half_split, adjacent_pairs };  ///< pairs (i, i + d/2) as NeoX, or (2i, 2i + 1) as llama

struct Config {
  std::string architecture;  ///< bitnet-b1.58 | bitnet-25 | bitnet | llama
  std::string name;
  std::int32_t n_vocab = 0;
  std::int32_t n_ctx = 0;  ///< context the model was trained with
  std::int32_t n_embd = 0;
  std::int32_t n_layer = 0;
  std::int32_t n_head = 0;
  std::int32_t n_head_kv = 0;
  std::int32_t head_dim = 0;
  std::int32_t n_ff = 0;
  float rms_eps = 1e-5f;
  float rope_base = 10000.0f;
  float rope_factor = 1.0f;  ///< linear scaling: angles are divided by it
  RopeStyle rope_style = RopeStyle::half_split;
  Activation activation = Activation::squared_relu;
  bool sub_norms = true;  ///< attn_sub_norm before Wo and ffn_sub_norm before Wdown

  std::int32_t q_dim() const noexcept { return n_head * head_dim; }
  std::int32_t kv_dim() const noexcept { return n_head_kv * head_dim; }
};

/// Throws Error(setup) naming `where` unless the numbers are positive, within limits and fit each other
/// (n_head % n_head_kv == 0, head_dim even, no product overflow).
void validate(const Config& config, const std::string& where);

}  // namespace bh::engine
