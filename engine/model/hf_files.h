// Which files of a Hugging Face folder make up its model: what loading reads, what a hash of the model covers, and what
// a converter writes.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace bh::engine {

inline constexpr const char* kHfWeights = "model.safetensors";
inline constexpr const char* kHfIndex = "model.safetensors.index.json";
/// What their JSON files may have; a document takes up to 26 times its file in memory.
inline constexpr std::size_t kMaxHfConfigBytes = std::size_t{1} << 20;  ///< config.json and generation_config.json
inline constexpr std::size_t kMaxHfTokenizerConfigBytes = std::size_t{16} << 20;
inline constexpr std::size_t kMaxHfIndexBytes = std::size_t{64} << 20;
/// Beside the weights; any may be absent as far as this list goes.
inline constexpr std::array kHfSettings = {"chat_template.jinja", "config.json", "generation_config.json",
                                           "tokenizer.json", "tokenizer_config.json"};

/// The tensors that the index of a folder lists, each with the file beside the index that holds it. Throws
/// Error(setup).
std::vector<std::pair<std::string, std::string>> read_hf_index(const std::filesystem::path& folder);

/// config.json, the tokenizer's files, and model.safetensors or else the index with every shard that it names, as
/// far as they are there; in the order of their names. Throws Error(setup) where there is neither, or the
/// index is broken.
std::vector<std::filesystem::path> hf_model_files(const std::filesystem::path& folder);

}  // namespace bh::engine
