// Signs the evidence of a run and checks it: receipt.dsse.json is a DSSE envelope around an in-toto Statement whose
// subjects are the digests of receipt.json, run.json, the model and the binary.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "harness/core/check.h"
#include "harness/io/signing.h"
#include "harness/judge/gates.h"

namespace bh::harness {

inline constexpr std::string_view kEnvelopeFile = "receipt.dsse.json";
inline constexpr const char* kStatementType = "https://in-toto.io/Statement/v1";
inline constexpr const char* kPredicateType = "https://in-toto.io/attestation/test-result/v0.1";
inline constexpr const char* kPayloadType = "application/vnd.in-toto+json";

/// Writes receipt.dsse.json into a run directory. Throws Error(setup) where receipt.json or run.json is missing or the
/// one is not made of the other: nothing is signed that would not verify.
void sign_run(const std::filesystem::path& directory, const SigningKey& key);

struct VerifyRequest {
  std::filesystem::path path;     ///< a receipt, or the directory of a run
  std::optional<SigningKey> key;  ///< the signer that is trusted
  std::filesystem::path model;    ///< empty = its digest is not checked
  std::filesystem::path binary;   ///< likewise
  GateOptions gates;
  std::function<Check(const json::object& receipt)> replay;  ///< empty = not asked for
};

/// The gates, then the files beside the receipt, the signature, model, binary and replay. Throws Error(setup) where a
/// file cannot be read at all; a file that holds something else than it should is a failed check.
std::vector<Check> verify_run(const VerifyRequest& request);

}  // namespace bh::harness
