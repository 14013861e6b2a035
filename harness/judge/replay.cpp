#include "harness/judge/replay.h"

#include <algorithm>

#include "engine/base/error.h"
#include "harness/io/model_locator.h"
#include "harness/io/sha256.h"
#include "harness/judge/receipt_evidence.h"

namespace bh::harness {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kMostTokens = 1 << 20;

/// What a receipt says about its run; throws Error(setup) naming what is missing.
struct Recording {
  std::string device, numerics, model_sha256, model_path, tokens_hash, logits_hash;
  std::vector<engine::TokenId> prompt;
  std::int64_t generated = 0;

  explicit Recording(const json::object& receipt) {
    const std::string what = "the receipt";
    const auto part = [&](const char* key) -> const json::object& {
      const json::value* value = find(receipt, key);
      if (value == nullptr || !value->is_object()) fail(ErrorKind::setup, "{} has no '{}'", what, key);
      return value->get_object();
    };
    device = get_string(receipt, "backend", what);
    tokens_hash = get_string(receipt, "tokens_hash", what);
    logits_hash = get_string(receipt, "logits_hash", what);
    model_sha256 = get_string(part("model_info"), "sha256", what);
    model_path = get_string(part("model_info"), "model_path", what);
    numerics = get_string(part("replay"), "numerics", what);
    generated = get_int(part("replay"), "generated_tokens", what);
    const json::value* ids = find(part("replay"), "prompt_ids");
    if (ids == nullptr || !ids->is_array()) fail(ErrorKind::setup, "{} has no list of prompt_ids", what);
    for (const json::value& id : ids->get_array()) {
      if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() > INT32_MAX) {
        fail(ErrorKind::setup, "{}: a prompt id is no token id", what);
      }
      prompt.push_back(static_cast<engine::TokenId>(id.get_int64()));
    }
    if (prompt.empty() || generated < 1 || generated > kMostTokens) {
      fail(ErrorKind::setup, "{} holds no prompt, or generated_tokens is out of range", what);
    }
  }
};

/// The model of that hash. Throws Error(setup) where it is not at hand.
fs::path find_model(const Recording& recording, const fs::path& named) {
  std::vector<fs::path> places;
  if (!named.empty()) {
    places.push_back(named);
  } else {
    places.emplace_back(recording.model_path);
    if (const auto shipped = find_shipped_model(executable_path())) places.push_back(shipped->gguf());
  }
  std::error_code error;
  for (const fs::path& place : places) {
    if (fs::exists(place, error) && sha256_model(place) == recording.model_sha256) return place;
  }
  fail(ErrorKind::setup, "no model with the SHA-256 {} is at hand; name it with --model", recording.model_sha256);
}

Check compare(const Recording& recording, Subject& subject) {
  engine::GenerateOptions options;
  options.max_tokens = static_cast<std::int32_t>(recording.generated);
  options.ignore_eog = true;
  options.sampling.temperature = 0;
  const auto generated = subject.generate(recording.prompt, options).ids;
  const bool same_tokens = hash_tokens(generated) == recording.tokens_hash;
  const bool same_logits =
      sha256_floats(subject.logits(checked_positions(recording.prompt, generated))) == recording.logits_hash;
  const std::string here = fmt::format("{} tokens on {}", generated.size(), subject.describe().backend);
  if (same_tokens && same_logits) return {"replay", Verdict::passed, "the same tokens and logits: " + here};
  return {"replay", Verdict::failed,
          fmt::format("{}: {}", same_tokens ? "the same tokens, other logits" : "other tokens", here)};
}

}  // namespace

Check replay(const json::object& receipt, std::span<const SubjectRow> subjects, const fs::path& model, int threads) {
  try {
    const Recording recording(receipt);
    const auto row = std::find_if(subjects.begin(), subjects.end(),
                                  [](const SubjectRow& candidate) { return candidate.name == "engine"; });
    BH_ASSERT(row != subjects.end());
    SubjectSettings settings;
    settings.numerics = engine::numerics_from(recording.numerics);
    settings.device = engine::find_device(recording.device).name;
    settings.model = find_model(recording, model);
    settings.n_ctx =
        static_cast<std::int32_t>(static_cast<std::int64_t>(recording.prompt.size()) + recording.generated);
    settings.threads = threads;
    const auto subject = row->open(settings);
    return compare(recording, *subject);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::internal) throw;
    return {"replay", Verdict::untrusted, fmt::format("cannot replay: {}", error.what())};
  }
}

}  // namespace bh::harness
