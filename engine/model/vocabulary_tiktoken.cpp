#include "engine/model/vocabulary_tiktoken.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/mapped_file.h"
#include "engine/model/unicode.h"

namespace bh::engine {
namespace {

constexpr TokenId kControlTokens = 256;
// Far above any real vocabulary. Reconstruction takes time and memory by the square of a token's length.
constexpr std::size_t kMaxTokenBytes = 512;
constexpr std::size_t kMaxMerges = std::size_t{1} << 21;

int base64_digit(char c) noexcept {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.substr(text.size() - 2) == "==" ? 2 : text.back() == '=' ? 1 : 0;
  std::string bytes;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int digit = i < text.size() - padding ? base64_digit(text[i]) : 0;
    if (digit < 0) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    if (i % 4 != 3) continue;
    for (const int shift : {16, 8, 0}) bytes += static_cast<char>((bits >> shift) & 0xFF);
    bits = 0;
  }
  bytes.resize(bytes.size() - padding);
  return bytes;
}

/// The tokens' bytes, in the order of their ranks.
std::vector<std::string> read_ranks(std::string_view text, const std::string& where) {
  std::vector<std::string> tokens;
  for (std::size_t line = 1; !text.empty(); ++line) {
    std::string_view row = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), row.size() + 1));
    if (!row.empty() && row.back() == '\r') row.remove_suffix(1);
    if (row.empty()) continue;
    const std::size_t space = row.find(' ');
    const std::optional<std::string> bytes = from_base64(row.substr(0, space));
    std::size_t rank = 0;
    const char* end = row.data() + row.size();
    if (!bytes || space == std::string_view::npos || std::from_chars(row.data() + space + 1, end, rank).ptr != end)
      fail(ErrorKind::setup, "{}: line {} is not base64, a space and a rank; is this a tiktoken file?", where, line);
    if (bytes->size() > kMaxTokenBytes)
      fail(ErrorKind::setup, "{}: line {} has a token of {} bytes; no tokenizer has tokens above {}", where, line,
           bytes->size(), kMaxTokenBytes);
    if (rank != tokens.size())
      fail(ErrorKind::setup, "{}: line {} has rank {} where {} is due", where, line, rank, tokens.size());
    tokens.push_back(*bytes);
  }
  return tokens;
}

// A rank file says which byte strings are tokens, in the order in which training made them, but not of which pairs.
// Every split of a token into two tokens is a merge with the token's rank; among them those of earlier parts first.
std::vector<std::string> reconstruct_merges(const std::vector<std::string>& tokens, const std::string& where) {
  std::unordered_map<std::string_view, std::uint32_t> ranks;
  ranks.reserve(tokens.size());
  for (std::size_t rank = 0; rank < tokens.size(); ++rank) {
    if (!ranks.emplace(tokens[rank], static_cast<std::uint32_t>(rank)).second)
      fail(ErrorKind::setup, "{}: the tokens of rank {} and {} are the same", where, ranks[tokens[rank]], rank);
  }
  std::vector<std::string> merges;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> splits;
  for (const std::string_view token : tokens) {
    splits.clear();
    for (std::size_t cut = 1; cut < token.size(); ++cut) {
      const auto left = ranks.find(token.substr(0, cut));
      if (left == ranks.end()) continue;
      const auto right = ranks.find(token.substr(cut));
      if (right != ranks.end()) splits.emplace_back(left->second, right->second);
    }
    if (splits.size() > kMaxMerges - merges.size())
      fail(ErrorKind::setup, "{}: its tokens have more than {} splits into two tokens; this is no real vocabulary",
           where, kMaxMerges);
    std::sort(splits.begin(), splits.end());
    for (const auto& [left, right] : splits)
      merges.push_back(to_byte_alphabet(tokens[left]) + ' ' + to_byte_alphabet(tokens[right]));
  }
  return merges;
}

std::vector<std::string> control_tokens() {
  std::vector<std::string> tokens = {"<|begin_of_text|>", "<|end_of_text|>"};
  int reserved = 0;
  const auto reserve = [&](int count) {
    for (int i = 0; i < count; ++i) tokens.push_back(fmt::format("<|reserved_special_token_{}|>", reserved++));
  };
  reserve(4);
  tokens.insert(tokens.end(), {"<|start_header_id|>", "<|end_header_id|>"});
  reserve(1);
  tokens.push_back("<|eot_id|>");
  reserve(kControlTokens - static_cast<int>(tokens.size()));
  return tokens;
}

}  // namespace

Vocabulary read_tiktoken(const std::filesystem::path& path) {
  constexpr std::size_t kMaxTokens = std::size_t{1} << 24;
  const MappedFile file = MappedFile::open(path);
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  const std::vector<std::string> ranked = read_ranks(text, path.string());
  if (ranked.size() > kMaxTokens)
    fail(ErrorKind::setup, "{} has {} tokens, more than any tokenizer", path.string(), ranked.size());

  Vocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = "llama-bpe";
  for (const std::string& token : ranked) vocabulary.tokens.push_back(to_byte_alphabet(token));
  vocabulary.types.assign(ranked.size(), TokenType::normal);
  for (std::string& token : control_tokens()) vocabulary.tokens.push_back(std::move(token));
  vocabulary.types.resize(vocabulary.tokens.size(), TokenType::control);
  vocabulary.scores.assign(vocabulary.tokens.size(), 0.0f);
  vocabulary.merges = reconstruct_merges(ranked, path.string());
  vocabulary.bos = static_cast<TokenId>(ranked.size());
  vocabulary.eos = vocabulary.bos + 1;
  vocabulary.eot = vocabulary.bos + 9;
  vocabulary.padding = vocabulary.eos;
  vocabulary.add_bos = true;
  return vocabulary;
}

}  // namespace bh::engine
