// Tensor names of Hugging Face checkpoints and of GGUF files, and the one difference in layout between them: the order
// of rows of Wq and Wk. One table, which readers, writers and converters share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/model/config.h"

namespace bh::engine {

/// "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj.weight". The name must be one of a Model's tensors.
std::string hf_tensor_name(std::string_view gguf_name);

/// The other way, for both generations of sub-norm names; nullopt for a name that has no place in a GGUF file. A
/// packed matrix's "..._scale" has none of its own: it lies inside the matrix.
std::optional<std::string> gguf_tensor_name(std::string_view hf_name);

/// "blk.3.attn_q" of "blk.3.attn_q.weight".
std::string_view without_weight(std::string_view gguf_name) noexcept;

/// Where row `row` of a tensor, counted as in Hugging Face files, lies in a model: converters permute Wq and Wk for
/// RoPE on adjacent pairs, so that row s * d/2 + i of a head becomes row 2 * i + s. Any other row lies where it is.
std::int64_t stored_row(const Config& config, std::string_view gguf_name, std::int64_t row) noexcept;

}  // namespace bh::engine
