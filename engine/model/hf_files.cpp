#include "engine/model/hf_files.h"

#include <set>
#include <system_error>

#include "engine/base/error.h"
#include "engine/base/json.h"

namespace bh::engine {

namespace fs = std::filesystem;

std::vector<std::pair<std::string, std::string>> read_hf_index(const fs::path& folder) {
  const std::string where = (folder / kHfIndex).string();
  const json::value index = read_json_file(where, kMaxHfIndexBytes);
  const json::value* map = index.is_object() ? bh::find(index.get_object(), "weight_map") : nullptr;
  if (map == nullptr || !map->is_object()) fail(ErrorKind::setup, "{}: no object \"weight_map\"", where);
  std::vector<std::pair<std::string, std::string>> tensors;
  for (const auto& member : map->get_object()) {
    std::string tensor(member.key());
    std::string file = member.value().is_string() ? std::string(member.value().get_string()) : "";
    if (file.empty() || fs::path(file).filename() != file || file == "..")
      fail(ErrorKind::setup, "{}: the tensor \"{}\" has no file beside the index", where, tensor);
    tensors.emplace_back(std::move(tensor), std::move(file));
  }
  return tensors;
}

std::vector<fs::path> hf_model_files(const fs::path& folder) {
  std::set<fs::path> files;
  std::error_code error;
  const auto add = [&](const char* name) {
    const bool there = fs::exists(folder / name, error);
    if (there) files.insert(folder / name);
    return there;
  };
  for (const char* name : kHfSettings) add(name);
  if (!add(kHfWeights)) {
    if (!add(kHfIndex))
      fail(ErrorKind::setup, "{} holds no model.safetensors and no shards with an index: name a model folder",
           folder.string());
    for (const auto& tensor : read_hf_index(folder)) files.insert(folder / tensor.second);
  }
  return std::vector<fs::path>(files.begin(), files.end());
}

}  // namespace bh::engine
