#include "engine/model/hf_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "engine/base/error.h"

namespace bh::engine {
namespace {

struct Name {
  std::string_view gguf, hf;
};

constexpr Name kNames[] = {{"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}};

/// Inside "blk.N." and "model.layers.N.". Where a GGUF name stands twice, the first is written.
constexpr Name kLayerNames[] = {{"attn_norm", "input_layernorm"},
                                {"attn_sub_norm", "self_attn.attn_sub_norm"},
                                {"attn_sub_norm", "self_attn.inner_attn_ln"},
                                {"ffn_norm", "post_attention_layernorm"},
                                {"ffn_sub_norm", "mlp.ffn_sub_norm"},
                                {"ffn_sub_norm", "mlp.ffn_layernorm"},
                                {"attn_q", "self_attn.q_proj"},
                                {"attn_k", "self_attn.k_proj"},
                                {"attn_v", "self_attn.v_proj"},
                                {"attn_output", "self_attn.o_proj"},
                                {"ffn_gate", "mlp.gate_proj"},
                                {"ffn_up", "mlp.up_proj"},
                                {"ffn_down", "mlp.down_proj"}};

constexpr std::string_view kGgufLayer = "blk.", kHfLayer = "model.layers.", kWeight = ".weight";

/// "3.attn_q" -> {"3", "attn_q"}; an empty number where there is none.
std::pair<std::string_view, std::string_view> layer_and_part(std::string_view text) noexcept {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 || digits == text.size() || text[digits] != '.') return {{}, text};
  return {text.substr(0, digits), text.substr(digits + 1)};
}

bool starts_with(std::string_view text, std::string_view start) noexcept {
  return text.substr(0, start.size()) == start;
}

}  // namespace

std::string_view without_weight(std::string_view name) noexcept {
  const bool ends = name.size() > kWeight.size() && name.substr(name.size() - kWeight.size()) == kWeight;
  return ends ? name.substr(0, name.size() - kWeight.size()) : name;
}

std::string hf_tensor_name(std::string_view gguf_name) {
  const std::string_view base = without_weight(gguf_name);
  for (const Name& row : kNames)
    if (row.gguf == base) return fmt::format("{}{}", row.hf, kWeight);
  BH_ASSERT(starts_with(base, kGgufLayer));
  const auto [layer, part] = layer_and_part(base.substr(kGgufLayer.size()));
  const auto* found = std::find_if(std::begin(kLayerNames), std::end(kLayerNames),
                                   [part = part](const Name& row) { return row.gguf == part; });
  BH_ASSERT(found != std::end(kLayerNames));
  return fmt::format("{}{}.{}{}", kHfLayer, layer, found->hf, kWeight);
}

std::optional<std::string> gguf_tensor_name(std::string_view hf_name) {
  const std::string_view base = without_weight(hf_name);
  if (base.size() == hf_name.size()) return std::nullopt;
  for (const Name& row : kNames)
    if (row.hf == base) return fmt::format("{}{}", row.gguf, kWeight);
  if (!starts_with(base, kHfLayer)) return std::nullopt;
  const auto [layer, part] = layer_and_part(base.substr(kHfLayer.size()));
  if (layer.empty()) return std::nullopt;
  for (const Name& row : kLayerNames)
    if (row.hf == part) return fmt::format("{}{}.{}{}", kGgufLayer, layer, row.gguf, kWeight);
  return std::nullopt;
}

std::int64_t stored_row(const Config& config, std::string_view gguf_name, std::int64_t row) noexcept {
  if (config.rope_style != RopeStyle::adjacent_pairs || !starts_with(gguf_name, kGgufLayer)) return row;
  const std::string_view part = layer_and_part(without_weight(gguf_name).substr(kGgufLayer.size())).second;
  if (part != "attn_q" && part != "attn_k") return row;
  const std::int64_t head = row / config.head_dim, in_head = row % config.head_dim, half = config.head_dim / 2;
  return head * config.head_dim + 2 * (in_head % half) + in_head / half;
}

}  // namespace bh::engine
