// config.json of a Hugging Face folder, read and written.
#pragma once

#include <filesystem>
#include <optional>

#include "engine/base/json.h"
#include "engine/model/config.h"
#include "engine/model/tokenizer.h"

namespace bh::engine {

struct HfConfig {
  Config config;
  std::optional<bool> tied;  ///< tie_word_embeddings; where it is missing, the absence of lm_head.weight decides
  /// quantization_config.linear_class is "autobitlinear": weight_scale multiplies. Otherwise ("bitlinear", none) it is
  /// the reciprocal (transformers' integrations/bitnet.py).
  bool scale_multiplies = false;
  bool quantized = false;  ///< quantization_config says bitnet
  bool online = false;     ///< quantization_mode "online": float master weights, ternarised in the forward pass
};

/// Throws Error(setup) naming the file and the key.
HfConfig read_hf_config(const std::filesystem::path& folder);

enum class HfWeights { packed, bf16 };  ///< ternary in bytes with a scale, or the float master they are rounded from
enum class LinearClass { autobitlinear, bitlinear };  ///< weight_scale multiplies, or is the reciprocal

/// What read_hf_config() reads as `config`, with the keys and values that transformers writes.
json::object to_hf_config(const Config& config, const Vocabulary& vocabulary, bool tied, HfWeights weights,
                          LinearClass linear_class = LinearClass::autobitlinear);

}  // namespace bh::engine
