// Byte-level BPE: merging the bytes of a piece into tokens by the rank of its pairs, in O(n log n).
// Neighbours: pre_tokenizer.h makes the pieces, tokenizer.cpp puts both together.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/model/symbol_merger.h"
#include "engine/model/tokenizer.h"

namespace bh::engine {

/// Immutable; safe to share between threads.
class BpeModel {
 public:
  /// `token_bytes[id]` are a token's bytes, empty for tokens that text never becomes by merging (control tokens, gaps);
  /// they must outlive the model. `merges` are "left right" in GPT-2's byte alphabet, best first. Throws Error(setup)
  /// on a merge that is malformed or whose parts or result are no tokens.
  BpeModel(std::span<const std::string> token_bytes, std::span<const std::string> merges, bool ignore_merges);

  /// Appends the tokens of one piece of any bytes. A byte that no token covers is dropped, as the reference does.
  void encode(std::string_view piece, std::vector<TokenId>& out) const;

 private:
  struct Slot {
    std::uint64_t pair = kNoPair;
    std::int32_t rank = 0;
    TokenId merged = kNoToken;
  };
  static constexpr std::uint64_t kNoPair = ~std::uint64_t{0};

  void add_merge(std::string_view merge, std::int32_t rank);
  Slot* slot_for(std::uint64_t pair) noexcept;
  PairMerge find_pair(TokenId left, TokenId right) const noexcept;
  TokenId find_token(std::string_view bytes) const noexcept;
  void merge_short(std::string_view piece, std::vector<TokenId>& out) const;
  void merge_long(std::string_view piece, std::vector<TokenId>& out) const;

  std::unordered_map<std::string_view, TokenId> ids_;
  std::array<TokenId, 256> byte_ids_{};
  std::vector<Slot> pairs_;  ///< open addressing; the size is a power of two
  int shift_ = 63;           ///< 64 - log2(pairs_.size())
  std::size_t longest_ = 0;
  bool ignore_merges_;
};

}  // namespace bh::engine
