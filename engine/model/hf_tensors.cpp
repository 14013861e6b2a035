#include "engine/model/hf_tensors.h"

#include "engine/base/error.h"
#include "engine/model/hf_files.h"

namespace bh::engine {

HfTensors::HfTensors(const std::filesystem::path& folder) : folder_(folder) {
  std::error_code ignored;
  if (std::filesystem::exists(folder / kHfWeights, ignored)) {
    const SafeTensorsFile file = open(kHfWeights);
    for (const SafeTensor& tensor : file.tensors()) tensors_.emplace(tensor.name, &tensor);
  } else if (std::filesystem::exists(folder / kHfIndex, ignored)) {
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
  std::map<std::string, SafeTensorsFile> shards;
  for (const auto& [tensor, file] : read_hf_index(folder_)) {
    auto shard = shards.find(file);
    if (shard == shards.end()) shard = shards.emplace(file, open(file)).first;
    const SafeTensor* found = shard->second.find(tensor);
    if (found == nullptr)
      fail(ErrorKind::setup, "{}: the tensor \"{}\" is not in {}, where the index says it is",
           (folder_ / kHfIndex).string(), tensor, file);
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
