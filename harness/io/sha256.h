// SHA-256 of files and buffers: with signing.h the only use of OpenSSL.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace bh::harness {

/// Hashes what it is fed. Move-only.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&& other) noexcept;
  Sha256& operator=(Sha256&& other) noexcept;

  void update(std::span<const std::byte> bytes);
  /// 64 lower-case hex digits; nothing may be fed afterwards.
  std::string hex();

 private:
  struct Free {
    void operator()(void* context) const noexcept;
  };
  std::unique_ptr<void, Free> context_;
};

std::string sha256_hex(std::span<const std::byte> bytes);
std::string sha256_hex(std::string_view text);

/// Throws Error(setup) where the path cannot be read as a regular file.
std::string sha256_file(const std::filesystem::path& path);

/// Floats by their bits, little-endian: the hash of logits.
std::string sha256_floats(std::span<const float> values);

/// SHA-256 of a model: of its file; of a folder that of the lines `sha256sum` prints for every file that the engine
/// reads (engine/model/hf_files.h), so that weights, configuration and tokenizer all count. Throws Error(setup).
std::string sha256_model(const std::filesystem::path& path);

}  // namespace bh::harness
