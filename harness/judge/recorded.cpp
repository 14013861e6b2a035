#include "harness/judge/recorded.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <regex>

#include "engine/base/error.h"
#include "engine/base/mapped_file.h"

namespace bh::harness {
namespace {

static_assert(std::endian::native == std::endian::little, "recorded logits are little-endian");

using engine::Numerics;
using engine::TokenId;

const json::object& object_of(const json::value& value, const std::string& what) {
  if (!value.is_object()) fail(ErrorKind::setup, "{} holds no JSON object: record it anew", what);
  return value.get_object();
}

const json::value& member(const json::object& object, std::string_view key, const std::string& what) {
  const json::value* value = find(object, key);
  if (value == nullptr) fail(ErrorKind::setup, "{} lacks \"{}\": record it anew", what, key);
  return *value;
}

std::vector<TokenId> ids_of(const json::object& object, std::string_view key, std::int64_t n_vocab,
                            const std::string& what) {
  const json::value& value = member(object, key, what);
  if (!value.is_array()) fail(ErrorKind::setup, "{}: \"{}\" is no list: record it anew", what, key);
  std::vector<TokenId> ids;
  for (const json::value& id : value.get_array()) {
    if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() >= n_vocab) {
      fail(ErrorKind::setup, "{}: \"{}\" holds something that is no id of the vocabulary", what, key);
    }
    ids.push_back(static_cast<TokenId>(id.get_int64()));
  }
  return ids;
}

std::vector<float> read_floats(const std::filesystem::path& path, std::size_t count) {
  const MappedFile file = MappedFile::open(path);
  if (file.bytes().size() != count * sizeof(float)) {
    fail(ErrorKind::setup, "{} has {} bytes where {} floats were recorded: fetch it again", path.string(),
         file.bytes().size(), count);
  }
  std::vector<float> values(count);
  std::memcpy(values.data(), file.bytes().data(), file.bytes().size());
  return values;
}

RecordedRun read_run(const std::filesystem::path& stem, std::string name, Numerics numerics) {
  const std::string what = stem.string() + ".json";
  const json::value document = read_json_file(what);
  const json::object& object = object_of(document, what);
  RecordedRun run;
  run.name = std::move(name);
  run.numerics = numerics;
  run.prompt = get_string(object, "prompt", what);
  run.n_vocab = get_int(object, "n_vocab", what);
  if (run.n_vocab < 1 || run.n_vocab > (std::int64_t{1} << 24)) fail(ErrorKind::setup, "{}: absurd n_vocab", what);
  run.prompt_ids = ids_of(object, "prompt_ids", run.n_vocab, what);
  run.greedy_ids = ids_of(object, "greedy_ids", run.n_vocab, what);
  if (run.prompt_ids.empty()) fail(ErrorKind::setup, "{} has no prompt_ids: record it anew", what);
  const std::size_t rows = run.prompt_ids.size() + run.greedy_ids.size();
  run.logits = read_floats(stem.string() + ".f32", rows * static_cast<std::size_t>(run.n_vocab));
  return run;
}

/// What llama-perplexity printed: "calculating perplexity over 218 chunks", "Final estimate: PPL = 20.4682 +/-
/// 0.32097".
RecordedPerplexity read_perplexity(const std::filesystem::path& folder, const json::object& entry,
                                   const std::string& what) {
  RecordedPerplexity recorded;
  recorded.text_file = folder.parent_path() / get_string(entry, "text", what);
  recorded.n_ctx = static_cast<std::int32_t>(get_int(entry, "n_ctx", what));
  const std::filesystem::path path = folder / get_string(entry, "file", what);
  const MappedFile file = MappedFile::open(path);
  const std::string text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  // std::regex recurses for each repetition: none is without bounds.
  static const std::regex kEstimate(
      R"(Final estimate: PPL = ([0-9]{1,15}\.[0-9]{1,15}) \+/- ([0-9]{1,15}\.[0-9]{1,15}))");
  static const std::regex kChunks(R"(perplexity over ([0-9]{1,9}) chunks)");
  std::smatch estimate, chunks;
  if (text.size() > 65536 || !std::regex_search(text, estimate, kEstimate) ||
      !std::regex_search(text, chunks, kChunks)) {
    fail(ErrorKind::setup, "{} holds no final estimate of llama-perplexity: record it anew", path.string());
  }
  recorded.value = std::stod(estimate[1]);
  recorded.standard_error = std::stod(estimate[2]);
  recorded.chunks = std::stoi(chunks[1]);
  return recorded;
}

Numerics numerics_of(std::string_view mode, const std::string& what) {
  if (mode == "batch") return Numerics::reference_batch;
  if (mode == "single") return Numerics::reference_single;
  fail(ErrorKind::setup, "{}: unknown mode \"{}\"; batch and single are known", what, mode);
}

}  // namespace

std::vector<TokenId> RecordedRun::all_ids() const {
  std::vector<TokenId> ids = prompt_ids;
  ids.insert(ids.end(), greedy_ids.begin(), greedy_ids.end());
  return ids;
}

std::string Recorded::reference_name() const {
  const json::value* reference = find(provenance, "reference");
  if (reference == nullptr || !reference->is_object()) return "unnamed reference (recorded)";
  const auto text = [&](std::string_view key) {
    const json::value* value = find(reference->get_object(), key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string("?");
  };
  return fmt::format("{} {} (recorded)", text("name"), text("commit"));
}

std::optional<Recorded> read_recorded(const std::filesystem::path& folder) {
  const std::filesystem::path provenance = folder / "provenance.json";
  if (!std::filesystem::exists(provenance)) return std::nullopt;
  const std::string what = provenance.string();
  Recorded recorded;
  const json::value document = read_json_file(what);
  recorded.provenance = object_of(document, what);
  if (const std::string schema = get_string(recorded.provenance, "schema", what); schema != "bitharness.reference/1") {
    fail(ErrorKind::setup, "{} has schema \"{}\", not bitharness.reference/1: record it anew", what, schema);
  }
  recorded.model_sha256 = get_string(recorded.provenance, "model_sha256", what);
  const std::string stem = std::filesystem::path(get_string(recorded.provenance, "model", what)).stem().string();
  const std::int64_t prompts = get_int(recorded.provenance, "prompts", what);
  const json::value& modes = member(recorded.provenance, "modes", what);
  if (!modes.is_array() || prompts < 1 || prompts > 1000) fail(ErrorKind::setup, "{} names no recordings", what);
  for (std::int64_t prompt = 0; prompt < prompts; ++prompt) {
    for (const json::value& mode : modes.get_array()) {
      if (!mode.is_string()) fail(ErrorKind::setup, "{}: a mode is no text", what);
      const std::string name = fmt::format("p{}.{}", prompt, std::string_view(mode.get_string()));
      recorded.runs.push_back(
          read_run(folder / fmt::format("{}.{}", stem, name), name, numerics_of(mode.get_string(), what)));
    }
  }
  if (const json::value* entry = find(recorded.provenance, "perplexity")) {
    recorded.perplexity = read_perplexity(folder, object_of(*entry, what), what);
  }
  return recorded;
}

}  // namespace bh::harness
