// DSSE envelopes (Dead Simple Signing Envelope, protocol 1.0.0): a payload, its type, and Ed25519 signatures of both.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/io/signing.h"

namespace bh::harness {

struct EnvelopeSignature {
  std::string key_id;  ///< a hint which key to try; not authenticated
  std::string bytes;   ///< raw
};

struct Envelope {
  std::string payload_type;  ///< a media type or URI
  std::string payload;
  std::vector<EnvelopeSignature> signatures;
};

/// The bytes that are signed: "DSSEv1" SP len(type) SP type SP len(body) SP body.
std::string pre_authentication_encoding(std::string_view payload_type, std::string_view payload);

Envelope seal(std::string_view payload_type, std::string_view payload, const SigningKey& key);

/// The envelope as JSON, one line per member, a final newline.
std::string write_envelope(const Envelope& envelope);
/// Reads exactly what write_envelope writes: of two texts of one envelope only one is taken, so that no byte of the
/// file is beyond suspicion. Throws Error(setup) naming `what`.
Envelope read_envelope(std::string_view text, std::string_view what);

}  // namespace bh::harness
