// SHA-256 of files and buffers: with signing.h the only use of OpenSSL.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

struct FileHash {
  std::filesystem::path path;
  std::string sha256;
};
/// A model's file, or every file of a folder that the engine reads (engine/model/hf_files.h). Throws Error(setup).
std::vector<FileHash> sha256_model_files(const std::filesystem::path& model);
/// SHA-256 of a model: of its file; of a folder that of the lines `sha256sum` prints for all of its files, so that
/// weights, configuration and tokenizer all count. Throws Error(setup).
std::string sha256_model(const std::filesystem::path& model);
/// The same where the files are hashed already.
std::string sha256_model(const std::filesystem::path& model, std::span<const FileHash> files);

}  // namespace bh::harness
