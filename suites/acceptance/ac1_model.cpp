// AC1: the model is found, is the one it should be, loads; and what cannot be run is refused at once and in words.
#include <fstream>
#include <map>
#include <sstream>

#include "engine/base/error.h"
#include "suites/acceptance/cases.h"
#include "suites/acceptance/refused_models.h"

namespace bh::suites::acceptance {

namespace fs = std::filesystem;
using harness::Result;

namespace {

/// "HASH  NAME" lines as sha256sum writes them.
std::map<std::string, std::string> read_sums(const fs::path& file) {
  std::map<std::string, std::string> by_name;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.size() > 66 && line[64] == ' ') by_name[line.substr(66)] = line.substr(0, 64);
  }
  return by_name;
}

/// What SHA256SUMS beside a file (or one folder up) says about it.
std::string listed_hash(const fs::path& file, std::string& where) {
  fs::path folder = file.parent_path();
  for (int up = 0; up < 2; ++up, folder = folder.parent_path()) {
    const auto sums = read_sums(folder / "SHA256SUMS");
    const auto entry = sums.find(file.lexically_relative(folder).generic_string());
    if (entry == sums.end()) continue;
    where = (folder / "SHA256SUMS").string();
    return entry->second;
  }
  return {};
}

/// The name of a model that is known by its hash: official files, and the shipped one wherever it was copied to.
std::string known_name(Workbench& bench, const std::string& sha256) {
  for (const json::value& item : bench.criteria().list("known_models")) {
    const std::string where = bench.criteria().source() + ", known_models";
    if (!item.is_object()) fail(ErrorKind::setup, "{} holds something that is no object", where);
    const json::object& known = item.get_object();
    if (get_string(known, "sha256", where) == sha256) return get_string(known, "name", where);
  }
  if (const auto shipped = bench.shipped_folder()) {
    for (const auto& [name, hash] : read_sums(*shipped / "SHA256SUMS")) {
      if (hash == sha256) return "kjv-3m " + name;
    }
  }
  return {};
}

/// Each file of the model that SHA256SUMS lists: is it the one that is listed?
struct ListedFiles {
  std::string where;
  json::object expected;  ///< hashes by file name
  bool all_equal = true;
};

ListedFiles compare_with_list(Workbench& bench) {
  ListedFiles files;
  for (const harness::FileHash& file : bench.model_files()) {
    const fs::path path = fs::absolute(file.path).lexically_normal();
    const std::string listed = listed_hash(path, files.where);
    if (listed.empty()) continue;
    files.expected[path.filename().string()] = listed;
    files.all_equal &= listed == file.sha256;
  }
  return files;
}

}  // namespace

Result check_hash(Workbench& bench) {
  const std::string& sha256 = bench.model_sha256();
  ListedFiles listed = compare_with_list(bench);
  const std::string name = known_name(bench, sha256);
  Result result;
  if (listed.expected.empty() && name.empty()) {
    return skipped(fmt::format("no SHA256SUMS beside the model and no known hash: its SHA-256 is {}", sha256));
  }
  result.details["model"] = bench.model_path().string();
  result.details["sha256"] = sha256;
  result.details["known_as"] = name.empty() ? listed.where : name;
  add(result, "hash_matches", listed.all_equal ? 1 : 0);
  if (!listed.expected.empty()) result.details["expected"] = std::move(listed.expected);
  return result;
}

Result check_load(Workbench& bench) {
  const auto model = bench.model();
  Result result;
  add(result, "load_seconds", static_cast<double>(bench.load_ns()) * 1e-9, "s");
  add(result, "matrices", static_cast<double>(model->matrices().size()));
  add(result, "file_bytes", static_cast<double>(model->source.file_bytes), "bytes");
  const engine::Config& config = model->config;
  result.details["format"] = model->source.format;
  result.details["architecture"] = config.architecture;
  result.details["layers"] = config.n_layer;
  result.details["embedding"] = config.n_embd;
  result.details["vocabulary"] = config.n_vocab;
  json::array warnings;
  for (const std::string& warning : model->source.warnings) warnings.emplace_back(warning);
  result.details["warnings"] = std::move(warnings);
  return result;
}

Result check_refusals(Workbench& bench) {
  Result result;
  double slowest = 0;
  std::int64_t refused = 0, tensors = 0, types = 0, advice = 0;
  json::array messages;
  const auto models = refused_models();
  for (const RefusedModel& each : models) {
    const Refusal refusal = try_to_load(each, bench.clock());
    slowest = std::max(slowest, refusal.seconds);
    refused += refusal.refused ? 1 : 0;
    tensors += refusal.names_tensor ? 1 : 0;
    types += refusal.names_type ? 1 : 0;
    advice += refusal.says_what_to_do ? 1 : 0;
    messages.emplace_back(refusal.message);
  }
  const auto count = static_cast<double>(models.size());
  add(result, "refused_share", static_cast<double>(refused) / count);
  add(result, "names_tensor_share", static_cast<double>(tensors) / count);
  add(result, "names_type_share", static_cast<double>(types) / count);
  add(result, "says_what_to_do_share", static_cast<double>(advice) / count);
  add(result, "slowest_refusal_seconds", slowest, "s");
  result.details["messages"] = std::move(messages);
  return result;
}

}  // namespace bh::suites::acceptance
