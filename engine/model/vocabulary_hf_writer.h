// Writes a vocabulary as the tokenizer files of a Hugging Face folder. Neighbour: vocabulary_hf.cpp reads them.
#pragma once

#include <filesystem>

#include "engine/model/tokenizer.h"

namespace bh::engine {

/// tokenizer.json, tokenizer_config.json and generation_config.json. A vocabulary that names no pre-tokenizer gets
/// llama-bpe, as the folders of the 2B4T model have it. Throws Error(usage) for SPM and for pre-tokenizers without a
/// Hugging Face spelling, Error(setup) where the folder cannot be written.
void write_hf_vocabulary(const Vocabulary& vocabulary, const std::filesystem::path& folder);

}  // namespace bh::engine
