// Finding tokens that stand for themselves in a text (control tokens, user-defined tokens) before anything else is
// tokenized.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/tokenizer.h"

namespace bh::engine {

/// A part of a text: either a special token or text between them.
struct TextFragment {
  std::string_view text;
  TokenId token = kNoToken;  ///< kNoToken: text still to be tokenized, never empty
};

/// Immutable; safe to share between threads.
class SpecialTokens {
 public:
  SpecialTokens() = default;
  /// Takes the tokens of type control, unknown and user_defined; `vocabulary.tokens` must outlive the object.
  /// Throws Error(setup) where one of them is longer than any real one.
  explicit SpecialTokens(const Vocabulary& vocabulary);

  /// Longer tokens are searched for first, through all text that is still free, as in llama.cpp: of two that overlap
  /// the longer wins wherever it stands. Control and unknown tokens only with `parse_special`.
  std::vector<TextFragment> split(std::string_view text, bool parse_special) const;

 private:
  struct Special {
    std::string_view text;
    TokenId id;
    bool needs_parse_special;
  };

  std::vector<std::size_t> present_in(std::string_view text, bool parse_special) const;

  std::vector<Special> by_text_;               ///< sorted by text
  std::array<std::size_t, 257> first_byte_{};  ///< by_text_[first_byte_[b] .. first_byte_[b + 1]) begin with byte b
};

}  // namespace bh::engine
