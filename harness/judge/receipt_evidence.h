// What a suite shows for its receipt: one greedy generation, timed, with the kernels counted in it, and then, untimed,
// the logits of every position of the same tokens, which must lead to the same choices. The result is the note that
// harness/core/receipt.h makes the receipt of.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/model/model.h"
#include "harness/core/result.h"
#include "harness/core/subject.h"

namespace bh::harness {

/// Greedy, end tokens ignored, from an empty context.
struct TimedRun {
  std::vector<engine::TokenId> prompt;
  std::vector<engine::TokenId> generated;
  std::int64_t prefill_ns = 0;
  std::int64_t decode_ns = 0;                ///< of the steps after the first token
  std::vector<engine::KernelCount> kernels;  ///< of this run alone
};

struct EvidenceFacts {
  const engine::Model* model = nullptr;  ///< nullptr for a mock
  std::string model_sha256;
  std::string requested_device;
  std::string device;                           ///< the one that was taken: the device class, "cpu"
  std::optional<double> bytes_per_token;        ///< weights and cache that one decoded token reads
  std::optional<double> read_bytes_per_second;  ///< of memory, with a working set of that size
};

struct ReceiptEvidence {
  json::object note;       ///< for Report::notes[kReceiptNote]
  double agree_share = 0;  ///< of the generated tokens that are the first choice of the full logits
};

ReceiptEvidence gather_evidence(Subject& subject, const TimedRun& run, const EvidenceFacts& facts);

/// Adds first_choice_share, and fails the result where it is below 1: single steps and all positions at once disagree.
void add_choices(Result& result, const ReceiptEvidence& evidence);

/// Little-endian int32.
std::string hash_tokens(const std::vector<engine::TokenId>& ids);
/// What the logits hash is taken of: the prompt and all generated tokens but the last.
std::vector<engine::TokenId> checked_positions(const std::vector<engine::TokenId>& prompt,
                                               const std::vector<engine::TokenId>& generated);
/// How often the ternary matrix kernels run for that many tokens, in rows x matrices: seven matrices a layer and token,
/// of which the last layer computes the four behind attention only for tokens whose logits are wanted.
std::uint64_t expected_products(std::uint64_t layers, std::uint64_t prompt_tokens, std::uint64_t generated_tokens);

}  // namespace bh::harness
