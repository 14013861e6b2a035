// Keys, signatures and envelopes against the published test vectors of RFC 8032 and of the DSSE specification.
#include "harness/io/signing.h"

#include <array>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "harness/io/dsse.h"
#include "tests/support/catch.h"
#include "tests/support/json_schema.h"
#include "tests/support/paths.h"

using namespace bh;
using namespace bh::harness;
using Catch::Contains;

namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

/// RFC 8410: a 32-byte seed and a 32-byte public key as PKCS#8 and SubjectPublicKeyInfo.
SigningKey private_key(std::string_view seed_hex) {
  const std::string der = from_hex("302e020100300506032b657004220420") + from_hex(seed_hex);
  return SigningKey::private_from_pem(
      "-----BEGIN PRIVATE KEY-----\n" + base64_encode(der) + "\n-----END PRIVATE KEY-----\n", "seed");
}
SigningKey public_key(std::string_view hex) {
  const std::string der = from_hex("302a300506032b6570032100") + from_hex(hex);
  return SigningKey::public_from_pem(
      "-----BEGIN PUBLIC KEY-----\n" + base64_encode(der) + "\n-----END PUBLIC KEY-----\n", "public");
}

struct Vector {
  const char *seed, *public_key, *message, *signature;
};

// RFC 8032, section 7.1, TEST 1 to 3.
constexpr std::array kRfc8032 = {
    Vector{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
           "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
           "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595"
           "bbe24"
           "655141438e7a100b"},
    Vector{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
           "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
           "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb43"
           "02aee"
           "b00d291612bb0c00"},
    Vector{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
           "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
           "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716"
           "ed28d"
           "c027beceea1ec40a"},
};

}  // namespace

TEST_CASE("Ed25519 signs and verifies as RFC 8032 says") {
  for (const Vector& vector : kRfc8032) {
    const std::string message = from_hex(vector.message), signature = from_hex(vector.signature);
    const SigningKey key = private_key(vector.seed);
    CHECK(key.sign(message) == signature);
    const SigningKey shown = public_key(vector.public_key);
    CHECK(shown.id() == key.id());
    CHECK(shown.public_pem() == key.public_pem());
    CHECK(shown.verify(message, signature));
    CHECK_FALSE(shown.verify(message + "x", signature));
    for (std::size_t i = 0; i < signature.size(); ++i) {
      std::string spoilt = signature;
      spoilt[i] = static_cast<char>(spoilt[i] ^ 1);
      CHECK_FALSE(shown.verify(message, spoilt));
    }
    CHECK_FALSE(shown.verify(message, signature.substr(1)));
    CHECK_FALSE(shown.verify(message, ""));
  }
}

TEST_CASE("fresh keys differ, and only the right one verifies") {
  const KeyFiles one = generate_signing_key(), two = generate_signing_key();
  CHECK(one.private_pem != two.private_pem);
  const auto key = SigningKey::private_from_pem(one.private_pem, "one");
  CHECK(key.public_pem() == one.public_pem);
  const std::string signature = key.sign("message");
  CHECK(SigningKey::public_from_pem(one.public_pem, "one").verify("message", signature));
  CHECK_FALSE(SigningKey::public_from_pem(two.public_pem, "two").verify("message", signature));
}

TEST_CASE("what is no Ed25519 key is refused in words") {
  CHECK_THROWS_WITH(SigningKey::public_from_pem("", "key.pem"), Contains("key.pem holds no public key"));
  const KeyFiles files = generate_signing_key();
  CHECK_THROWS_AS(SigningKey::private_from_pem(files.public_pem, "pub"), Error);
  CHECK_THROWS_AS(SigningKey::public_from_pem(files.private_pem, "priv"), Error);
  // A P-256 public key (the DSSE specification's own).
  CHECK_THROWS_WITH(
      SigningKey::public_from_pem(
          "-----BEGIN PUBLIC KEY-----\n"
          "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W\n"
          "K84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n",
          "p256"),
      Contains("Ed25519") || Contains("no public key"));
}

TEST_CASE("base64 takes only what it would have written") {
  for (const char* text : {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"}) {  // RFC 4648, section 10
    const auto bytes = base64_decode(text);
    REQUIRE(bytes);
    CHECK(*bytes == std::string("foobar").substr(0, bytes->size()));
    CHECK(base64_encode(*bytes) == text);
  }
  CHECK(base64_decode("AAA=")->size() == 2);
  for (const char* text : {"Zg", "Zg=", "Zh==", "Zm9=", "Zm9v\n", " Zm9v", "Zm 9", "Zm9v====", "====", "Z-_v"}) {
    CAPTURE(text);
    CHECK_FALSE(base64_decode(text));
  }
}

TEST_CASE("the pre-authentication encoding is that of the DSSE specification") {
  CHECK(pre_authentication_encoding("http://example.com/HelloWorld", "hello world") ==
        "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  CHECK(pre_authentication_encoding("", "") == "DSSEv1 0  0 ");
  // Lengths count bytes, and where one part ends is never in doubt.
  CHECK(pre_authentication_encoding("t", "\xc3\xa9") == "DSSEv1 1 t 2 \xc3\xa9");
  CHECK(pre_authentication_encoding("a 1", "b") != pre_authentication_encoding("a", "1 b"));
}

TEST_CASE("an envelope comes back as it was sealed; no byte of its text can change unseen") {
  const auto key = private_key(kRfc8032[0].seed);
  const Envelope sealed = seal("text/plain", std::string("hello\0world", 11), key);
  const std::string text = write_envelope(sealed);
  const Envelope read = read_envelope(text, "envelope");
  CHECK(read.payload == sealed.payload);
  REQUIRE(read.signatures.size() == 1);
  CHECK(read.signatures[0].key_id == key.id());
  CHECK(key.verify(pre_authentication_encoding(read.payload_type, read.payload), read.signatures[0].bytes));
  const test::JsonSchema schema(
      read_json_file(std::string(bh::test::kSourceDir) + "/reports/schema/envelope.schema.json"));
  CHECK(schema.fault(parse_json(text, "x")).empty());
  json::value extra = parse_json(text, "x");
  extra.as_object()["also"] = 1;
  CHECK(schema.fault(extra) == "$: also is not in the schema");

  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const int bits : {0x01, 0x02, 0x20, 0x2a, 0x80, 0xff}) {
      std::string spoilt = text;
      spoilt[i] = static_cast<char>(spoilt[i] ^ bits);
      bool seen = false;
      try {
        const Envelope changed = read_envelope(spoilt, "envelope");
        seen = changed.signatures.at(0).key_id != key.id() ||
               !key.verify(pre_authentication_encoding(changed.payload_type, changed.payload),
                           changed.signatures.at(0).bytes);
      } catch (const Error&) {
        seen = true;
      }
      if (!seen) FAIL("byte " << i << " changed by " << bits << " went unseen");
    }
  }
}
