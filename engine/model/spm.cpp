#include "engine/model/spm.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "engine/base/error.h"
#include "engine/model/unicode.h"

namespace bh::engine {
namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::string with_visible_spaces(std::string_view text) {
  std::string visible;
  visible.reserve(text.size() + text.size() / 2);
  for (const char c : text) {
    if (c == ' ') {
      visible += kSpmSpace;
    } else {
      visible += c;
    }
  }
  return visible;
}

/// Bytes of the character at the start; a byte that is no UTF-8 counts as a character.
std::size_t character_length(std::string_view text) noexcept {
  const Utf8Unit unit = next_utf8(text);
  return unit.kind == Utf8Unit::Kind::valid ? unit.length : 1;
}

std::uint64_t neighbour_key(std::string_view left, std::string_view right) noexcept {
  std::uint64_t key = 0;
  for (const std::string_view character : {left, right}) {
    std::uint32_t bytes = 0;
    for (const char c : character) bytes = (bytes << 8) | static_cast<unsigned char>(c);
    key = (key << 32) | bytes;
  }
  return key;
}

/// Scores as priorities: the highest score is 0, equal scores have the same. Minus infinity is none.
std::vector<std::int32_t> priorities_of(const std::vector<float>& scores) {
  for (std::size_t id = 0; id < scores.size(); ++id) {
    if (std::isnan(scores[id]))
      fail(ErrorKind::setup, "the score of token {} is not a number; the file is damaged", id);
  }
  std::vector<float> distinct = scores;
  std::sort(distinct.begin(), distinct.end(), std::greater<>());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  std::vector<std::int32_t> priorities;
  priorities.reserve(scores.size());
  for (const float score : scores) {
    const auto place = std::lower_bound(distinct.begin(), distinct.end(), score, std::greater<>()) - distinct.begin();
    const bool never = score == -std::numeric_limits<float>::infinity();
    priorities.push_back(never ? kNoMerge : static_cast<std::int32_t>(place));
  }
  return priorities;
}

}  // namespace

int SpmModel::byte_of(std::string_view token) noexcept {
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>') return -1;
  const int high = hex_digit(token[3]);
  const int low = hex_digit(token[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

SpmModel::SpmModel(const Vocabulary& vocabulary) : unknown_(vocabulary.unknown) {
  byte_ids_.fill(kNoToken);
  const std::vector<std::int32_t> priorities = priorities_of(vocabulary.scores);
  tokens_.reserve(vocabulary.tokens.size());
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const std::string& token = vocabulary.tokens[i];
    const auto id = static_cast<TokenId>(i);
    const TokenType type = vocabulary.types[i];
    if (type == TokenType::byte) {
      const int byte = byte_of(token);
      if (byte < 0)
        fail(ErrorKind::setup, "token {} is of type byte, but its text \"{}\" is not like <0x0A>; the file is damaged",
             id, token);
      byte_ids_[static_cast<std::size_t>(byte)] = id;
    }
    // Text must never turn into a control token by merging its letters.
    const bool mergeable = type == TokenType::normal || type == TokenType::user_defined || type == TokenType::unused;
    if (mergeable && !token.empty()) add_token(token, id, priorities[i]);
  }
}

void SpmModel::add_token(std::string_view token, TokenId id, std::int32_t priority) {
  tokens_[token] = {priority, id};
  longest_ = std::max(longest_, token.size());
  std::size_t before = character_length(token);
  for (std::size_t at = before; at < token.size(); at += before) {
    const std::size_t length = character_length(token.substr(at));
    neighbours_.insert(neighbour_key(token.substr(at - before, before), token.substr(at, length)));
    before = length;
  }
}

PairMerge SpmModel::find(std::string_view text) const noexcept {
  if (text.size() > longest_) return {};
  const auto found = tokens_.find(text);
  return found == tokens_.end() ? PairMerge{} : found->second;
}

void SpmModel::encode(std::string_view raw, std::vector<TokenId>& out) const {
  const std::string text = with_visible_spaces(raw);
  if (text.size() >= kNoSymbol)
    fail(ErrorKind::usage, "a text of {} bytes is too long to tokenize at once; split it", raw.size());
  const std::string_view view = text;
  std::vector<MergeSymbol> symbols;
  std::string_view before;
  for (std::size_t at = 0; at < view.size();) {
    const std::string_view character = view.substr(at, character_length(view.substr(at)));
    if (!symbols.empty() && neighbours_.find(neighbour_key(before, character)) == neighbours_.end())
      merge_and_emit(view, symbols, out);
    const auto index = static_cast<std::uint32_t>(symbols.size());
    if (index > 0) symbols.back().next = index;
    symbols.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(character.size()),
                       index == 0 ? kNoSymbol : index - 1, kNoSymbol, find(character).merged});
    at += character.size();
    before = character;
  }
  if (!symbols.empty()) merge_and_emit(view, symbols, out);
}

/// Empties `symbols`.
void SpmModel::merge_and_emit(std::string_view text, std::vector<MergeSymbol>& symbols,
                              std::vector<TokenId>& out) const {
  merge_symbols(symbols, [&](const MergeSymbol& left, const MergeSymbol& right) {
    return find(text.substr(left.begin, left.size + right.size));
  });
  for (std::uint32_t i = 0; i != kNoSymbol; i = symbols[i].next) {
    // What was merged is a token by construction, so only single characters can be missing.
    if (symbols[i].id != kNoToken) {
      out.push_back(symbols[i].id);
    } else {
      emit_bytes(text.substr(symbols[i].begin, symbols[i].size), out);
    }
  }
  symbols.clear();
}

void SpmModel::emit_bytes(std::string_view character, std::vector<TokenId>& out) const {
  bool all_bytes = true;
  for (const char c : character) all_bytes = all_bytes && byte_ids_[static_cast<unsigned char>(c)] != kNoToken;
  if (all_bytes) {
    for (const char c : character) out.push_back(byte_ids_[static_cast<unsigned char>(c)]);
  } else if (unknown_ != kNoToken) {
    out.push_back(unknown_);
  }
}

}  // namespace bh::engine
