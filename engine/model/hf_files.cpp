#include "engine/model/hf_files.h"

#include <algorithm>
#include <system_error>

#include "engine/base/error.h"

namespace bh::engine {

namespace fs = std::filesystem;

std::vector<fs::path> hf_model_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  const auto add = [&](const char* name) {
    const bool there = fs::exists(folder / name, error);
    if (there) files.push_back(folder / name);
    return there;
  };
  for (const char* name :
       {"chat_template.jinja", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"})
    add(name);
  bool weights = add("model.safetensors");
  if (!weights && add("model.safetensors.index.json")) {
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (entry.path().extension() != ".safetensors") continue;
      files.push_back(entry.path());
      weights = true;
    }
  }
  if (!weights)
    fail(ErrorKind::setup, "{} holds no model.safetensors and no shards with an index: name a model folder",
         folder.string());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace bh::engine
