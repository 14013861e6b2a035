// Outputs of a reference engine recorded beside a model: prompts, ids, logits, perplexity, and what they were made
// with. They are a reference only for the model with the recorded hash.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/base/json.h"

namespace bh::harness {

/// One prompt, evaluated in one mode, with its greedy continuation (always one position at a time).
struct RecordedRun {
  std::string name;  ///< "p0.batch"
  engine::Numerics numerics = engine::Numerics::reference_batch;
  std::string prompt;
  std::vector<engine::TokenId> prompt_ids;  ///< with BOS
  std::vector<engine::TokenId> greedy_ids;
  std::int64_t n_vocab = 0;
  /// [prompt_ids + greedy_ids, n_vocab]: after every prompt position, then after each greedy id fed back.
  std::vector<float> logits;

  std::vector<engine::TokenId> all_ids() const;
};

struct RecordedPerplexity {
  double value = 0;
  double standard_error = 0;
  std::filesystem::path text_file;
  std::int32_t n_ctx = 0;
  std::int32_t chunks = 0;
};

struct Recorded {
  std::string model_sha256;
  json::object provenance;  ///< the whole document, for reports
  std::vector<RecordedRun> runs;
  std::optional<RecordedPerplexity> perplexity;

  std::string reference_name() const;  ///< "bitnet.cpp 6d113cd (recorded)"
};

/// Reads folder/provenance.json (bitharness.reference/1) and all it names. nullopt where the folder has none; throws
/// Error(setup) where something of it is missing or unsound.
std::optional<Recorded> read_recorded(const std::filesystem::path& folder);

}  // namespace bh::harness
