#include "harness/cli/conversion_target.h"

#include <set>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/model/hf_files.h"

namespace bh::harness {

namespace fs = std::filesystem;

namespace {

/// Weights that an earlier model in the folder was read from and that `made` does not replace: SafeTensors files that
/// its index names, or that are called as shards are, and the index. An index may name anything: nothing else goes.
std::set<std::string> stale_weights(const fs::path& folder, const fs::path& made) {
  std::set<std::string> named;
  try {
    const json::value index = read_json_file((folder / engine::kHfIndex).string(), engine::kMaxHfIndexBytes);
    for (const auto& member : index.at("weight_map").as_object()) {
      if (member.value().is_string()) named.emplace(member.value().get_string());
    }
  } catch (const std::exception&) {
    // There is none, or it is broken: names alone tell then.
  }
  std::set<std::string> stale;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool shard = name.rfind("model-", 0) == 0 && name.find("-of-") != std::string::npos;
    const bool weights = fs::path(name).extension() == ".safetensors" && (shard || named.count(name) > 0);
    if ((weights || name == engine::kHfIndex) && fs::is_regular_file(entry.symlink_status()) &&
        !fs::exists(made / name))
      stale.insert(name);
  }
  return stale;
}

/// What could not be replaced once all is made, or would stay beside it and be taken for a part of it.
void check_entries(const ConversionRequest& request) {
  std::error_code ignored;
  std::vector<fs::path> files = {conversion_report_path(request.target)};
  if (!request.to_gguf) {
    for (const char* name : engine::kHfSettings) files.push_back(request.target / name);
    for (const char* name : {engine::kHfWeights, engine::kHfIndex}) files.push_back(request.target / name);
    const fs::path chat = request.target / "chat_template.jinja";  // a model's one file that we do not write
    if (fs::exists(chat, ignored))
      fail(ErrorKind::usage, "{} would stay and give the new model another's chat template: move it away",
           chat.string());
  }
  for (const fs::path& file : files) {
    if (fs::exists(file, ignored) && !fs::is_regular_file(file, ignored))
      fail(ErrorKind::usage, "{} is no file and cannot be replaced: move it away, or name another target",
           file.string());
  }
}

}  // namespace

void check_target(const ConversionRequest& request) {
  std::error_code ignored;
  const fs::path& target = request.target;
  const fs::path report = conversion_report_path(target);
  if (fs::equivalent(request.source, target, ignored))
    fail(ErrorKind::usage, "source and target are both {}; name another target", target.string());
  check_entries(request);
  const bool keeps_report = !request.force && fs::exists(report, ignored);
  const auto status = fs::status(target, ignored);
  if (!fs::exists(status)) {
    if (keeps_report) fail(ErrorKind::usage, "{} exists already; --force replaces it", report.string());
    return;
  }
  const bool fits = request.to_gguf ? fs::is_regular_file(status) : fs::is_directory(status);
  if (!fits)
    fail(ErrorKind::usage, "{} exists and is no {}; name another target, or --to", target.string(),
         request.to_gguf ? "file" : "folder");
  const bool empty = fs::is_directory(status) && fs::is_empty(target);
  if (!request.force && !empty) fail(ErrorKind::usage, "{} exists already; --force replaces it", target.string());
}

void put_in_place(const fs::path& made, const fs::path& made_report, const fs::path& target) {
  if (fs::is_directory(made)) {
    fs::create_directory(target);
    const auto stale = stale_weights(target, made);
    for (const auto& entry : fs::directory_iterator(made)) fs::rename(entry.path(), target / entry.path().filename());
    for (const std::string& name : stale) fs::remove(target / name);
  } else {
    fs::rename(made, target);
  }
  fs::rename(made_report, conversion_report_path(target));
}

fs::path conversion_report_path(const fs::path& target) {
  fs::path clean = target;
  if (!clean.has_filename()) clean = clean.parent_path();  // "folder/"
  return clean.string() + ".convert.json";
}

}  // namespace bh::harness
