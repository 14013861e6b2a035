// Writes a Model as a Hugging Face folder. Neighbour: gguf_model_writer.h.
#pragma once

#include <filesystem>

#include "engine/model/hf_config.h"
#include "engine/model/model.h"

namespace bh::engine {

struct HfLayout {
  HfWeights weights = HfWeights::packed;
  LinearClass linear_class = LinearClass::autobitlinear;
};

/// config.json, tokenizer files and model.safetensors into an existing folder. Scales are bf16, as published
/// checkpoints have them; norms and embeddings take the first of BF16, F16 and F32 that holds all their values exactly.
/// A master is made of the codes (fill_master), or is the matrix itself where that is not ternary. Throws Error(usage)
/// naming the tensor that the layout cannot hold, Error(setup).
void write_hf(const Model& model, const HfLayout& layout, const std::filesystem::path& folder);

}  // namespace bh::engine
