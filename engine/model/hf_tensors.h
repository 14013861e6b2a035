// The tensors of a Hugging Face folder, from one SafeTensors file or from shards.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/formats.h"
#include "engine/model/safetensors.h"

namespace bh::engine {

class HfTensors {
 public:
  /// Throws Error(setup) where the folder holds no SafeTensors, or a shard lacks what the index says it has.
  explicit HfTensors(const std::filesystem::path& folder);

  const std::vector<SafeTensorsFile>& files() const noexcept { return files_; }
  const std::map<std::string, const SafeTensor*, std::less<>>& all() const noexcept { return tensors_; }
  const SafeTensor* find(std::string_view name) const;

 private:
  SafeTensorsFile open(const std::string& name);
  void add_shards();

  std::filesystem::path folder_;
  std::vector<SafeTensorsFile> files_;
  std::map<std::string, const SafeTensor*, std::less<>> tensors_;
};

/// The format of a float dtype ("F32", "F16", "BF16"), nullptr for any other.
const WeightFormat* float_format(std::string_view dtype) noexcept;

/// A constant that old checkpoints carry and that follows from the configuration: RoPE frequencies.
bool is_constant_tensor(std::string_view hf_name) noexcept;

}  // namespace bh::engine
