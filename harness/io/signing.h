// Ed25519 keys and signatures (RFC 8032), and base64: with sha256.h the only use of OpenSSL. What is signed, and how it
// is wrapped, stands in harness/io/dsse.h.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace bh::harness {

/// Text of two files: PKCS#8 and SubjectPublicKeyInfo, both PEM.
struct KeyFiles {
  std::string private_pem;
  std::string public_pem;
};

/// A fresh key from the operating system's randomness.
KeyFiles generate_signing_key();

/// A public key, or a private one with its public half. Copies share it.
class SigningKey {
 public:
  /// `what` names the text in the Error(setup) thrown where it holds no Ed25519 key of that kind, or an encrypted one.
  static SigningKey private_from_pem(std::string_view pem, std::string_view what);
  static SigningKey public_from_pem(std::string_view pem, std::string_view what);
  static SigningKey read_private(const std::filesystem::path& path);
  static SigningKey read_public(const std::filesystem::path& path);

  /// 64 raw bytes. Error(internal) on a public key.
  std::string sign(std::string_view message) const;
  bool verify(std::string_view message, std::string_view signature) const;
  /// SHA-256 of the public half as DER, 64 hex digits: a name for the key, no proof of anything.
  const std::string& id() const noexcept { return id_; }
  std::string public_pem() const;

 private:
  SigningKey(std::shared_ptr<void> key, bool has_private);

  std::shared_ptr<void> key_;
  bool has_private_;
  std::string id_;
};

/// Standard alphabet, padded, no line breaks.
std::string base64_encode(std::string_view bytes);
/// nullopt for anything that base64_encode would not have written.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace bh::harness
