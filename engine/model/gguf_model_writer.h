// Writes a Model as a GGUF file. Neighbours: hf_model_writer.h writes it as a Hugging Face folder; gguf_writer.h knows
// the container.
#pragma once

#include <cstdint>
#include <filesystem>

#include "engine/model/gguf_writer.h"
#include "engine/model/model.h"

namespace bh::engine {

inline constexpr std::uint32_t kFileTypeI2S = 40;  ///< general.file_type "mostly I2_S" in bitnet.cpp

/// Keys of configuration and vocabulary, in the order of the official 2B4T file.
void add_model_keys(GgufWriter& writer, const Config& config, const Vocabulary& vocabulary, std::uint32_t file_type);

struct GgufTypes {
  TensorType weights = TensorType::i2_s;    ///< of the linear layers: i2_s, f16, f32 or bf16
  TensorType embeddings = TensorType::f16;  ///< of token_embd and output
};

/// Norms are F32. Linear layers become I2_S only where their values are ternary. Throws Error(usage) naming the tensor
/// that a type cannot hold, Error(setup) where GGUF cannot say what the model is.
void write_gguf(const Model& model, const GgufTypes& types, const std::filesystem::path& path);

}  // namespace bh::engine
