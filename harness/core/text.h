// Small text helpers that reports and commands share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"

namespace bh::harness {

/// The same text with every invalid UTF-8 sequence replaced by U+FFFD.
std::string to_valid_utf8(std::string_view bytes);
/// Makes every string and key of a document valid UTF-8.
void make_valid_utf8(json::value& value);

/// Quotes an argument for a POSIX shell where it needs it; unprintable bytes come out as $'\xNN'.
std::string shell_quote(std::string_view argument);

/// Shell-style match over the whole text: * any run, ? one character. Without either, `pattern` may be any substring.
bool matches_filter(std::string_view text, std::string_view pattern) noexcept;

/// The candidate nearest to `word` by edit distance, if near enough to be a typo; else empty.
std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace bh::harness
