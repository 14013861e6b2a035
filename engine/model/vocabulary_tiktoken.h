// A vocabulary from a rank file as Llama 3 ships it (tokenizer.model: base64 bytes and rank per line).
#pragma once

#include <filesystem>

#include "engine/model/tokenizer.h"

namespace bh::engine {

/// The ranked tokens, then Llama 3's 256 control tokens; merges are reconstructed from the ranks. `pre` is llama-bpe;
/// chat_template is empty. Throws Error(setup).
Vocabulary read_tiktoken(const std::filesystem::path& path);

}  // namespace bh::engine
