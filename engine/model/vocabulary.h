// Where vocabularies come from: the keys of a GGUF file or the files of a Hugging Face folder. Neighbours:
// vocabulary_tiktoken.h, and tokenizer.h, which makes a Tokenizer of any of them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/tokenizer.h"

namespace bh::engine {

class GgufFile;

struct LoadedVocabulary {
  Vocabulary vocabulary;
  std::vector<std::string> warnings;
};

/// Both throw Error(setup) on what is missing, malformed or not supported. A `pre_override` that is not empty replaces
/// what the source says about the pre-tokenizer.
LoadedVocabulary read_gguf_vocabulary(const GgufFile& file, std::string_view pre_override);
LoadedVocabulary read_hf_vocabulary(const std::filesystem::path& folder, std::string_view pre_override);

}  // namespace bh::engine
