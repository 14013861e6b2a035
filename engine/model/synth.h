// Made models: seeded random weights of any shape, for tests and timings where no trained model is at hand. The same
// options give the same bytes on every platform, and the same matrices through every file format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/model/hf_config.h"
#include "engine/model/model.h"

namespace bh::engine {

/// A row of the list of presets.
struct SynthPreset {
  std::string_view name;
  std::string_view summary;
  std::int32_t n_layer, n_embd, n_ff, n_head, n_head_kv, n_vocab, n_ctx;
  std::string_view pre;  ///< tokenizer.ggml.pre; empty = left out, as in the official 2B4T file
};

/// tiny | 2b4t-heads | small | 2b4t
std::span<const SynthPreset> synth_presets() noexcept;

struct SynthOptions {
  std::string preset = "tiny";
  std::string architecture = "bitnet-b1.58";
  std::uint64_t seed = 1;
  /// 0 = as the preset; head_dim 0 = n_embd / n_head.
  std::int32_t n_layer = 0, n_embd = 0, n_ff = 0, n_head = 0, n_head_kv = 0, head_dim = 0, n_vocab = 0, n_ctx = 0;
  TensorType embedding_type = TensorType::f16;  ///< of the output matrix, too; Hugging Face folders are always bf16
  std::optional<Vocabulary> vocabulary;         ///< instead of the invented one; its size is n_vocab
};

/// Throws Error(usage) on options that fit no model.
std::shared_ptr<const Model> make_synth_model(const SynthOptions& options);

/// Writes tensor by tensor, so that only the largest one has to fit in memory. With preset 2b4t: the keys, tensors,
/// shapes and their order of microsoft/bitnet-b1.58-2B-4T-gguf. Throws Error(usage), Error(setup).
void write_synth_gguf(const SynthOptions& options, const std::filesystem::path& path);

/// Writes config.json, tokenizer files and model.safetensors; makes the folder where it is missing.
void write_synth_hf(const SynthOptions& options, HfWeights weights, const std::filesystem::path& folder);

}  // namespace bh::engine
