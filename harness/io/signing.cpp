#include "harness/io/signing.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <climits>

#include "engine/base/error.h"
#include "engine/base/mapped_file.h"
#include "harness/io/sha256.h"

namespace bh::harness {

namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

constexpr std::size_t kSignatureBytes = 64;
constexpr std::size_t kLargestKeyFile = 64 * 1024;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Bio reader(std::string_view text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(std::min<std::size_t>(text.size(), INT_MAX))), BIO_free_all);
  if (!bio) fail(ErrorKind::setup, "out of memory while a key was read");
  return bio;
}

std::string text_of(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(std::max<long>(size, 0))};
}

/// Refuses to ask a terminal for a passphrase.
int no_passphrase(char*, int, int, void*) { return -1; }

std::string written(EVP_PKEY* key, bool with_private) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free_all);
  BH_ASSERT(bio != nullptr);
  const int ok = with_private ? PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr)
                              : PEM_write_bio_PUBKEY(bio.get(), key);
  BH_ASSERT(ok == 1);
  return text_of(bio);
}

std::string key_id(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  BH_ASSERT(size > 0);
  std::string id = sha256_hex(std::string_view(reinterpret_cast<char*>(der), static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  return id;
}

std::string read_key_file(const std::filesystem::path& path) {
  const MappedFile file = MappedFile::open(path);
  if (file.bytes().size() > kLargestKeyFile) fail(ErrorKind::setup, "{} is too large to be a key", path.string());
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

std::shared_ptr<void> checked(EVP_PKEY* key, std::string_view what, std::string_view kind) {
  ERR_clear_error();
  if (key == nullptr) {
    fail(ErrorKind::setup, "{} holds no {} key in PEM without a passphrase; 'bitharness keygen' makes one", what, kind);
  }
  std::shared_ptr<void> owned(key, [](void* pointer) { EVP_PKEY_free(static_cast<EVP_PKEY*>(pointer)); });
  if (EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) {
    fail(ErrorKind::setup, "{} holds a key that is not Ed25519; 'bitharness keygen' makes one", what);
  }
  return owned;
}

EVP_PKEY* as_key(const std::shared_ptr<void>& key) { return static_cast<EVP_PKEY*>(key.get()); }

}  // namespace

KeyFiles generate_signing_key() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (key == nullptr) fail(ErrorKind::setup, "OpenSSL cannot make an Ed25519 key here; is its default provider off?");
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> owned(key, EVP_PKEY_free);
  return {written(key, true), written(key, false)};
}

SigningKey::SigningKey(std::shared_ptr<void> key, bool has_private)
    : key_(std::move(key)), has_private_(has_private), id_(key_id(as_key(key_))) {}

SigningKey SigningKey::private_from_pem(std::string_view pem, std::string_view what) {
  const Bio bio = reader(pem);
  return {checked(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr), what, "private"), true};
}

SigningKey SigningKey::public_from_pem(std::string_view pem, std::string_view what) {
  const Bio bio = reader(pem);
  return {checked(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr), what, "public"), false};
}

SigningKey SigningKey::read_private(const std::filesystem::path& path) {
  return private_from_pem(read_key_file(path), path.string());
}

SigningKey SigningKey::read_public(const std::filesystem::path& path) {
  return public_from_pem(read_key_file(path), path.string());
}

std::string SigningKey::sign(std::string_view message) const {
  BH_ASSERT(has_private_);
  const DigestContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  BH_ASSERT(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, as_key(key_)) == 1);
  std::string signature(kSignatureBytes, '\0');
  std::size_t size = signature.size();
  BH_ASSERT(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes_of(message),
                           message.size()) == 1);
  BH_ASSERT(size == kSignatureBytes);
  return signature;
}

bool SigningKey::verify(std::string_view message, std::string_view signature) const {
  const DigestContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  BH_ASSERT(context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, as_key(key_)) == 1);
  const int ok =
      EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message), message.size());
  ERR_clear_error();
  return ok == 1;
}

std::string SigningKey::public_pem() const { return written(as_key(key_), false); }

std::string base64_encode(std::string_view bytes) {
  BH_ASSERT(bytes.size() < INT_MAX / 2);
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL adds a terminating zero
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes_of(bytes), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() >= INT_MAX / 2) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), bytes_of(text), static_cast<int>(text.size()));
  ERR_clear_error();
  if (size != static_cast<int>(bytes.size())) return std::nullopt;
  // OpenSSL counts padding as zeros and forgives white space: only what we would write ourselves is taken.
  for (const std::size_t padding : {0, 1, 2}) {
    if (padding > bytes.size()) break;
    const std::string_view candidate = std::string_view(bytes).substr(0, bytes.size() - padding);
    if (base64_encode(candidate) == text) return std::string(candidate);
  }
  return std::nullopt;
}

}  // namespace bh::harness
