// Which files of a Hugging Face folder make up its model: what loading reads, and what a hash of the model covers.
#pragma once

#include <filesystem>
#include <vector>

namespace bh::engine {

/// config.json, the tokenizer's files, and model.safetensors or else the index with every shard, as far as they are
/// there; in the order of their names. Throws Error(setup) where none of them holds weights.
std::vector<std::filesystem::path> hf_model_files(const std::filesystem::path& folder);

}  // namespace bh::engine
