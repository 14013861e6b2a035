// SPM (SentencePiece's BPE as Llama 2 uses it): merging characters into tokens by the score of the result, with bytes
// for what no token covers. Neighbour: tokenizer.cpp, which puts the leading space.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/model/symbol_merger.h"
#include "engine/model/tokenizer.h"

namespace bh::engine {

/// Immutable; safe to share between threads.
class SpmModel {
 public:
  /// `vocabulary.tokens` must outlive the model. A score of minus infinity keeps a token from being merged into.
  explicit SpmModel(const Vocabulary& vocabulary);

  /// Appends the tokens of a text of any bytes; spaces in it become U+2581. What neither a token nor a byte token
  /// covers becomes the unknown token, or nothing if there is none.
  void encode(std::string_view text, std::vector<TokenId>& out) const;

  /// The byte that `token` ("<0x0A>") stands for; -1 if it is not of that form.
  static int byte_of(std::string_view token) noexcept;

 private:
  void add_token(std::string_view token, TokenId id, std::int32_t priority);
  PairMerge find(std::string_view text) const noexcept;
  void merge_and_emit(std::string_view text, std::vector<MergeSymbol>& symbols, std::vector<TokenId>& out) const;
  void emit_bytes(std::string_view character, std::vector<TokenId>& out) const;

  std::unordered_map<std::string_view, PairMerge> tokens_;
  /// Every two characters that stand side by side in some token: between any others a text can be cut, since nothing is
  /// ever merged across.
  std::unordered_set<std::uint64_t> neighbours_;
  std::array<TokenId, 256> byte_ids_{};
  TokenId unknown_ = kNoToken;
  std::size_t longest_ = 0;
};

}  // namespace bh::engine
