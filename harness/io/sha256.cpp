#include "harness/io/sha256.h"

#include <openssl/evp.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "engine/base/error.h"
#include "engine/model/hf_files.h"

namespace bh::harness {

namespace {
EVP_MD_CTX* as_context(void* pointer) noexcept { return static_cast<EVP_MD_CTX*>(pointer); }
}  // namespace

void Sha256::Free::operator()(void* context) const noexcept { EVP_MD_CTX_free(as_context(context)); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr || EVP_DigestInit_ex(as_context(context_.get()), EVP_sha256(), nullptr) != 1) {
    fail(ErrorKind::setup, "cannot start SHA-256: OpenSSL's default provider does not offer it");
  }
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&& other) noexcept = default;
Sha256& Sha256::operator=(Sha256&& other) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) {
  BH_ASSERT(EVP_DigestUpdate(as_context(context_.get()), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  BH_ASSERT(EVP_DigestFinal_ex(as_context(context_.get()), digest, &size) == 1);
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

std::string sha256_hex(std::string_view text) { return sha256_hex(std::as_bytes(std::span(text.data(), text.size()))); }

std::string sha256_file(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    fail(ErrorKind::setup, "cannot hash '{}': {}", path.string(), error ? error.message() : "it is no regular file");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(ErrorKind::setup, "cannot hash '{}': {}", path.string(), std::strerror(errno));
  Sha256 hash;
  std::vector<char> block(std::size_t{1} << 20);
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0) {
    hash.update(std::as_bytes(std::span(block.data(), static_cast<std::size_t>(file.gcount()))));
  }
  if (file.bad()) fail(ErrorKind::setup, "cannot hash '{}': it could not be read to its end", path.string());
  return hash.hex();
}

std::string sha256_floats(std::span<const float> values) {
  static_assert(std::endian::native == std::endian::little, "the hash of floats is defined over little-endian bytes");
  return sha256_hex(std::as_bytes(values));
}

std::vector<FileHash> sha256_model_files(const std::filesystem::path& model) {
  std::vector<FileHash> files;
  if (!std::filesystem::is_directory(model)) return {{model, sha256_file(model)}};
  for (std::filesystem::path& file : engine::hf_model_files(model)) {
    std::string sha256 = sha256_file(file);
    files.push_back({std::move(file), std::move(sha256)});
  }
  return files;
}

std::string sha256_model(const std::filesystem::path& model) { return sha256_model(model, sha256_model_files(model)); }

std::string sha256_model(const std::filesystem::path& model, std::span<const FileHash> files) {
  if (!std::filesystem::is_directory(model)) return files.front().sha256;
  std::string all;
  for (const FileHash& file : files) all += fmt::format("{}  {}\n", file.sha256, file.path.filename().string());
  return sha256_hex(all);
}

}  // namespace bh::harness
