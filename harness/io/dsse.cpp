#include "harness/io/dsse.h"

#include "engine/base/error.h"
#include "engine/base/json.h"

namespace bh::harness {

namespace {

std::string decoded(const json::object& object, std::string_view key, std::string_view what) {
  auto bytes = base64_decode(get_string(object, key, what));
  if (!bytes) fail(ErrorKind::setup, "{}: '{}' is no base64", what, key);
  return std::move(*bytes);
}

}  // namespace

std::string pre_authentication_encoding(std::string_view payload_type, std::string_view payload) {
  return fmt::format("DSSEv1 {} {} {} {}", payload_type.size(), payload_type, payload.size(), payload);
}

Envelope seal(std::string_view payload_type, std::string_view payload, const SigningKey& key) {
  const std::string signature = key.sign(pre_authentication_encoding(payload_type, payload));
  return {std::string(payload_type), std::string(payload), {{key.id(), signature}}};
}

std::string write_envelope(const Envelope& envelope) {
  json::array signatures;
  for (const EnvelopeSignature& signature : envelope.signatures) {
    signatures.push_back(json::object{{"keyid", signature.key_id}, {"sig", base64_encode(signature.bytes)}});
  }
  return write_json(json::object{{"payload", base64_encode(envelope.payload)},
                                 {"payloadType", envelope.payload_type},
                                 {"signatures", std::move(signatures)}});
}

Envelope read_envelope(std::string_view text, std::string_view what) {
  const json::value document = parse_json(text, what);
  if (!document.is_object()) fail(ErrorKind::setup, "{} is no DSSE envelope: an object is expected", what);
  const json::object& object = document.get_object();
  Envelope envelope;
  envelope.payload = decoded(object, "payload", what);
  envelope.payload_type = get_string(object, "payloadType", what);
  const json::value* signatures = find(object, "signatures");
  if (signatures == nullptr || !signatures->is_array() || signatures->get_array().empty()) {
    fail(ErrorKind::setup, "{} is no DSSE envelope: it holds no signatures", what);
  }
  for (const json::value& item : signatures->get_array()) {
    if (!item.is_object()) fail(ErrorKind::setup, "{}: a signature is no object", what);
    envelope.signatures.push_back(
        {get_string(item.get_object(), "keyid", what), decoded(item.get_object(), "sig", what)});
  }
  if (write_envelope(envelope) != text) {
    fail(ErrorKind::setup, "{} is not written as bitharness writes it: it was edited or damaged", what);
  }
  return envelope;
}

}  // namespace bh::harness
