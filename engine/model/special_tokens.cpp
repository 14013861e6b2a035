#include "engine/model/special_tokens.h"

#include <algorithm>
#include <utility>

#include "engine/base/error.h"

namespace bh::engine {
namespace {

// Far above any real one: a text that repeats a special token's beginning takes time by the token's length.
constexpr std::size_t kMaxSpecialBytes = 1024;

void check_length(std::string_view text, std::size_t id) {
  if (text.size() > kMaxSpecialBytes)
    fail(ErrorKind::setup, "the special token {} (\"{}...\") has {} bytes; no vocabulary has one above {}", id,
         text.substr(0, 32), text.size(), kMaxSpecialBytes);
}

}  // namespace

SpecialTokens::SpecialTokens(const Vocabulary& vocabulary) {
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const TokenType type = vocabulary.types[i];
    const bool user_defined = type == TokenType::user_defined;
    if (!user_defined && type != TokenType::control && type != TokenType::unknown) continue;
    if (vocabulary.tokens[i].empty()) continue;
    check_length(vocabulary.tokens[i], i);
    by_text_.push_back({vocabulary.tokens[i], static_cast<TokenId>(i), !user_defined});
  }
  std::stable_sort(by_text_.begin(), by_text_.end(),
                   [](const Special& a, const Special& b) { return a.text < b.text; });
  for (const Special& special : by_text_) ++first_byte_[static_cast<unsigned char>(special.text[0]) + std::size_t{1}];
  for (std::size_t byte = 1; byte < first_byte_.size(); ++byte) first_byte_[byte] += first_byte_[byte - 1];
}

// One pass over the text tells which few of the (often hundreds of) tokens are worth a search. At each position the
// sorted list is narrowed byte by byte.
std::vector<std::size_t> SpecialTokens::present_in(std::string_view text, bool parse_special) const {
  std::vector<bool> seen(by_text_.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    auto begin = by_text_.begin() + static_cast<std::ptrdiff_t>(first_byte_[byte]);
    auto end = by_text_.begin() + static_cast<std::ptrdiff_t>(first_byte_[byte + std::size_t{1}]);
    for (std::size_t depth = 1; begin != end; ++depth) {
      for (; begin != end && begin->text.size() == depth; ++begin) {
        seen[static_cast<std::size_t>(begin - by_text_.begin())] = true;
      }
      if (at + depth == text.size()) break;
      const auto next = static_cast<unsigned char>(text[at + depth]);
      const auto key = [depth](const Special& special) { return static_cast<unsigned char>(special.text[depth]); };
      begin = std::partition_point(begin, end, [&](const Special& special) { return key(special) < next; });
      end = std::partition_point(begin, end, [&](const Special& special) { return key(special) == next; });
    }
  }
  std::vector<std::size_t> present;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (seen[i] && (parse_special || !by_text_[i].needs_parse_special)) present.push_back(i);
  }
  std::sort(present.begin(), present.end(), [this](std::size_t a, std::size_t b) {
    const std::size_t a_size = by_text_[a].text.size();
    const std::size_t b_size = by_text_[b].text.size();
    return a_size != b_size ? a_size > b_size : by_text_[a].id < by_text_[b].id;
  });
  return present;
}

std::vector<TextFragment> SpecialTokens::split(std::string_view text, bool parse_special) const {
  if (text.empty()) return {};
  std::vector<TextFragment> fragments = {{text}};
  if (by_text_.empty()) return fragments;
  std::vector<TextFragment> finer;
  for (const std::size_t index : present_in(text, parse_special)) {
    const Special& special = by_text_[index];
    finer.clear();
    for (const TextFragment& fragment : fragments) {
      std::string_view rest = fragment.text;
      if (fragment.token == kNoToken) {
        for (std::size_t found = rest.find(special.text); found != std::string_view::npos;
             found = rest.find(special.text)) {
          if (found > 0) finer.push_back({rest.substr(0, found)});
          finer.push_back({special.text, special.id});
          rest.remove_prefix(found + special.text.size());
        }
        if (!rest.empty()) finer.push_back({rest});
      } else {
        finer.push_back(fragment);
      }
    }
    fragments.swap(finer);
  }
  return fragments;
}

}  // namespace bh::engine
