// Writes GGUF v3: 24-byte header, keys and tensors in the order they are added, 32-byte alignment, zero padding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/formats.h"

namespace bh::engine {

struct Vocabulary;

class GgufWriter {
 public:
  void add(std::string_view key, std::string_view value);
  void add(std::string_view key, const char* value) { add(key, std::string_view(value)); }
  void add(std::string_view key, std::uint32_t value);
  void add(std::string_view key, float value);
  void add(std::string_view key, bool value);
  void add(std::string_view key, std::span<const std::string> values);
  void add(std::string_view key, std::span<const float> values);
  void add(std::string_view key, std::span<const std::int32_t> values);
  /// tokenizer.ggml.add_bos_token, which stands before the vocabulary in published files.
  void add_bos_token(bool value);
  /// All tokenizer.ggml.* keys of a vocabulary that are not there yet.
  void add(const Vocabulary& vocabulary);

  /// `fill` is called once, at write time, with exactly the tensor's bytes (zeroed), so a large model never has to fit
  /// in memory. ne is innermost first.
  void add_tensor(std::string name, TensorType type, std::vector<std::int64_t> ne,
                  std::function<void(std::span<std::byte>)> fill);

  /// Writes to a temporary file beside `path` and renames it: an error leaves an old file whole. Throws Error(setup).
  void write(const std::filesystem::path& path) const;

 private:
  struct PendingTensor {
    std::string name;
    TensorType type;
    std::vector<std::int64_t> ne;
    std::uint64_t bytes;
    std::function<void(std::span<std::byte>)> fill;
  };
  std::string keys_;  ///< serialised
  std::uint64_t n_keys_ = 0;
  bool has_add_bos_ = false;
  std::vector<PendingTensor> tensors_;
};

}  // namespace bh::engine
