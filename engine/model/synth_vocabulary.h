// An invented byte-level BPE vocabulary of any size: no language model's data, but every text has tokens.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/model/tokenizer.h"

namespace bh::engine {

/// 256 bytes, then invented merges, then 256 control tokens under the names of Llama 3 (4 below 4096 tokens), BOS
/// first. Throws Error(usage) where `n_vocab` is too small or larger than there are merges for.
Vocabulary invent_vocabulary(std::int32_t n_vocab, std::string_view pre);

}  // namespace bh::engine
