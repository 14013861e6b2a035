// UTF-8 at the level of bytes: finding sequences, spotting bad ones, and GPT-2's printable alphabet for bytes.
// What a code point *is* (letter, digit, space) is PCRE2's business: pre_tokenizer.h.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bh::engine {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  ///< U+FFFD
inline constexpr std::string_view kSpmSpace = "\xE2\x96\x81";              ///< U+2581, SPM's visible space

/// What stands at the start of a text.
struct Utf8Unit {
  enum class Kind { valid, invalid, incomplete };
  Kind kind;
  std::size_t length;  ///< bytes of the sequence; if it is not valid, of its longest well-formed beginning (at least 1)
};

/// `text` is not empty. `incomplete`: the text ends inside a sequence that is well-formed so far.
Utf8Unit next_utf8(std::string_view text) noexcept;

/// Length of the longest valid beginning of `text`.
std::size_t valid_utf8_prefix(std::string_view text) noexcept;

/// The UTF-8 text of the character that stands for `byte` in byte-level BPE vocabularies: printable bytes stand for
/// themselves, the other 68 for U+0100 and up.
std::string_view alphabet_character(unsigned char byte) noexcept;
std::string to_byte_alphabet(std::string_view bytes);
/// The way back; nullopt if `text` holds a character that stands for no byte.
std::optional<std::string> from_byte_alphabet(std::string_view text);

}  // namespace bh::engine
