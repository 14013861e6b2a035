#include "engine/model/hf_tensors.h"

#include "engine/base/error.h"
#include "engine/base/json.h"

namespace bh::engine {

HfTensors::HfTensors(const std::filesystem::path& folder) : folder_(folder) {
  std::error_code ignored;
  if (std::filesystem::exists(folder / "model.safetensors", ignored)) {
    const SafeTensorsFile file = open("model.safetensors");
    for (const SafeTensor& tensor : file.tensors()) tensors_.emplace(tensor.name, &tensor);
  } else if (std::filesystem::exists(folder / "model.safetensors.index.json", ignored)) {
    add_shards();
  } else {
    fail(ErrorKind::setup,
         "{} holds neither model.safetensors nor model.safetensors.index.json; other weight files (.bin, "
         ".pt) are not read: convert them to SafeTensors",
         folder.string());
  }
}

const SafeTensor* HfTensors::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : found->second;
}

SafeTensorsFile HfTensors::open(const std::string& name) {
  files_.push_back(SafeTensorsFile::open(folder_ / name));
  return files_.back();
}

void HfTensors::add_shards() {
  const auto index_path = folder_ / "model.safetensors.index.json";
  const std::string where = index_path.string();
  const json::value index = read_json_file(where);
  const json::value* map = index.is_object() ? bh::find(index.get_object(), "weight_map") : nullptr;
  if (map == nullptr || !map->is_object()) fail(ErrorKind::setup, "{}: no object \"weight_map\"", where);
  std::map<std::string, SafeTensorsFile> shards;
  for (const auto& member : map->get_object()) {
    const std::string tensor(member.key());
    const std::string file = member.value().is_string() ? std::string(member.value().get_string()) : "";
    if (file.empty() || std::filesystem::path(file).filename() != file || file == "..")
      fail(ErrorKind::setup, "{}: the tensor \"{}\" has no file beside the index", where, tensor);
    auto shard = shards.find(file);
    if (shard == shards.end()) shard = shards.emplace(file, open(file)).first;
    const SafeTensor* found = shard->second.find(tensor);
    if (found == nullptr)
      fail(ErrorKind::setup, "{}: the tensor \"{}\" is not in {}, where the index says it is", where, tensor, file);
    tensors_.emplace(tensor, found);
  }
}

const WeightFormat* float_format(std::string_view dtype) noexcept {
  if (dtype == "F32") return &weight_format(TensorType::f32);
  if (dtype == "F16") return &weight_format(TensorType::f16);
  if (dtype == "BF16") return &weight_format(TensorType::bf16);
  return nullptr;
}

bool is_constant_tensor(std::string_view hf_name) noexcept {
  constexpr std::string_view kEnd = ".inv_freq";
  return hf_name.size() > kEnd.size() && hf_name.substr(hf_name.size() - kEnd.size()) == kEnd;
}

}  // namespace bh::engine
