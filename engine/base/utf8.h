// Where a UTF-8 sequence ends and whether it is one. Used by error.cpp and json.cpp; the tokenizer, which must tell cut
// from bad sequences, has its own (engine/model/unicode.h).
#pragma once

#include <cstddef>
#include <string_view>

namespace bh {

/// Bytes of the valid UTF-8 sequence at the start of `text`, 0 if there is none.
std::size_t utf8_length(std::string_view text) noexcept;

}  // namespace bh
