#include "engine/model/hf_names.h"

#include "tests/support/catch.h"

using namespace bh::engine;

TEST_CASE("tensor names go to Hugging Face and back") {
  for (const char* name :
       {"token_embd.weight", "output_norm.weight", "output.weight", "blk.0.attn_norm.weight",
        "blk.12.attn_sub_norm.weight", "blk.3.ffn_norm.weight", "blk.3.ffn_sub_norm.weight", "blk.3.attn_q.weight",
        "blk.3.attn_k.weight", "blk.3.attn_v.weight", "blk.3.attn_output.weight", "blk.3.ffn_gate.weight",
        "blk.3.ffn_up.weight", "blk.29.ffn_down.weight"}) {
    CAPTURE(name);
    CHECK(gguf_tensor_name(hf_tensor_name(name)) == name);
  }
  CHECK(hf_tensor_name("blk.3.attn_output.weight") == "model.layers.3.self_attn.o_proj.weight");
  CHECK(hf_tensor_name("output.weight") == "lm_head.weight");
}

TEST_CASE("the older names of sub-norms are known, and names without a place are not") {
  CHECK(gguf_tensor_name("model.layers.1.self_attn.inner_attn_ln.weight") == "blk.1.attn_sub_norm.weight");
  CHECK(gguf_tensor_name("model.layers.1.mlp.ffn_layernorm.weight") == "blk.1.ffn_sub_norm.weight");
  for (const char* name :
       {"", "model.layers.weight", "model.layers.1.weight", "model.layers.x.mlp.up_proj.weight",
        "model.layers.1.mlp.up_proj.bias", "model.layers.1.mlp.up_proj.weight_scale", "up_proj.weight"}) {
    CAPTURE(name);
    CHECK_FALSE(gguf_tensor_name(name));
  }
}

TEST_CASE("rows of q and k are permuted for adjacent pairs only") {
  Config config;
  config.head_dim = 6;
  config.rope_style = RopeStyle::adjacent_pairs;
  const std::int64_t second_head[] = {6, 8, 10, 7, 9, 11};  // where rows 6 to 11 lie
  for (std::int64_t i = 0; i < 6; ++i) CHECK(stored_row(config, "blk.0.attn_k.weight", 6 + i) == second_head[i]);
  CHECK(stored_row(config, "blk.0.attn_v.weight", 7) == 7);
  CHECK(stored_row(config, "token_embd.weight", 7) == 7);
  config.rope_style = RopeStyle::half_split;
  CHECK(stored_row(config, "blk.0.attn_q.weight", 7) == 7);
}
