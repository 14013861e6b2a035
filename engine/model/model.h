// A model: immutable weights, config and tokenizer, loaded once and shared. Backends pack their own copies from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/mapped_file.h"
#include "engine/formats/formats.h"
#include "engine/model/config.h"
#include "engine/model/tokenizer.h"

namespace bh::engine {

/// A weight matrix [rows, cols] (y[rows] = W x[cols]) in its stored format. Ternary matrices of every source (I2_S,
/// packed or master SafeTensors) are held in the canonical I2_S layout.
struct Matrix {
  std::string name;  ///< GGUF name, whatever the source: "blk.0.attn_q.weight"
  const WeightFormat* format = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::span<const std::byte> bytes;  ///< a view: the Model owns the mapping or buffer behind it
  float post_scale = 1.0f;           ///< multiplied after the matrix product (optional ".scale" tensors of arch bitnet)

  bool present() const noexcept { return format != nullptr; }
};

struct Layer {
  std::vector<float> attn_norm;      ///< [n_embd]
  std::vector<float> attn_sub_norm;  ///< [n_head * head_dim], empty without sub-norms
  std::vector<float> ffn_norm;       ///< [n_embd]
  std::vector<float> ffn_sub_norm;   ///< [n_ff], empty without sub-norms
  Matrix q, k, v, o;                 ///< [q_dim, n_embd], [kv_dim, n_embd] twice, [n_embd, q_dim]
  Matrix gate, up, down;             ///< [n_ff, n_embd] twice, [n_embd, n_ff]
};

/// What a file said about itself; for inspect, receipts and messages.
struct ModelSource {
  std::filesystem::path path;                ///< as given
  std::string format;                        ///< "GGUF v3", "SafeTensors (packed)", "SafeTensors (master)"
  std::vector<std::filesystem::path> files;  ///< every file the model was read from
  std::uint64_t file_bytes = 0;
  std::vector<std::string> warnings;  ///< e.g. tokenizer.ggml.pre missing, K not a multiple of 128
};

struct Model {
  Config config;
  Tokenizer tokenizer;
  Matrix token_embd;  ///< [n_vocab, n_embd]
  Matrix output;      ///< [n_vocab, n_embd]; the same view as token_embd when tied
  bool tied_output = true;
  std::vector<float> output_norm;  ///< [n_embd]
  std::vector<Layer> layers;
  ModelSource source;
  std::shared_ptr<const void> storage;  ///< keeps mappings and converted buffers alive
  std::vector<std::shared_ptr<const MappedFile>> mappings;

  /// Gives the memory of stored bytes back to the system where they are of a mapped file: they are read again, from the
  /// page cache as a rule, when they are touched. For who has made a copy of its own. Any thread may call it.
  void release(std::span<const std::byte> bytes) const noexcept;

  /// Every weight matrix with its name, in the order of the forward pass.
  std::vector<const Matrix*> matrices() const;

  struct Norm {
    std::string name;  ///< "blk.0.attn_norm.weight"
    const std::vector<float>* values;
  };
  /// Every norm that the architecture has, in the same order.
  std::vector<Norm> norms() const;
};

struct LoadOptions {
  /// Overrides the pre-tokenizer that the file names or lacks ("llama-bpe", "gpt-2", "default"); empty = as the file.
  std::string pre_tokenizer;
  bool check_values = false;  ///< check every stored value for being finite, not only norms and ternary scales
  /// Check ternary codes. False spares one pass over the weights where a backend is to pack them, which checks them.
  bool check_codes = true;
};

/// For a matrix whose values are not sound: Error(setup) with the model's path, the tensor and what its format found.
[[noreturn]] void refuse_values(std::string_view path, const Matrix& matrix, std::string_view fault);

/// Loads a GGUF file or a Hugging Face folder. Throws Error(setup) with what, where and what to do.
std::shared_ptr<const Model> load_model(const std::filesystem::path& path, const LoadOptions& options = {});

}  // namespace bh::engine
