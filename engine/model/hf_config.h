// config.json of a Hugging Face folder. Neighbour: load_hf.cpp, its only user.
#pragma once

#include <filesystem>
#include <optional>

#include "engine/model/config.h"

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

}  // namespace bh::engine
