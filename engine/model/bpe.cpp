#include "engine/model/bpe.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "engine/base/error.h"
#include "engine/model/unicode.h"

namespace bh::engine {
namespace {

// Up to here a scan for the best pair beats a heap.
constexpr std::size_t kShortPiece = 48;

constexpr std::uint64_t pair_key(TokenId left, TokenId right) noexcept {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) | static_cast<std::uint32_t>(right);
}

}  // namespace

BpeModel::BpeModel(std::span<const std::string> token_bytes, std::span<const std::string> merges, bool ignore_merges)
    : ignore_merges_(ignore_merges) {
  if (merges.size() >= static_cast<std::size_t>(kNoMerge))
    fail(ErrorKind::setup, "the vocabulary has {} merges, more than a tokenizer can have", merges.size());
  byte_ids_.fill(kNoToken);
  ids_.reserve(token_bytes.size());
  for (std::size_t id = 0; id < token_bytes.size(); ++id) {
    const std::string& bytes = token_bytes[id];
    if (bytes.empty()) continue;
    ids_[bytes] = static_cast<TokenId>(id);
    longest_ = std::max(longest_, bytes.size());
    if (bytes.size() == 1) byte_ids_[static_cast<unsigned char>(bytes[0])] = static_cast<TokenId>(id);
  }
  const std::size_t slots = std::bit_ceil(std::max<std::size_t>(2, merges.size() * 2));
  pairs_.resize(slots);
  shift_ = 64 - std::countr_zero(slots);
  for (std::size_t rank = 0; rank < merges.size(); ++rank) add_merge(merges[rank], static_cast<std::int32_t>(rank));
}

void BpeModel::add_merge(std::string_view merge, std::int32_t rank) {
  const std::size_t space = merge.find(' ');
  if (space == std::string_view::npos || space == 0 || space + 1 == merge.size())
    fail(ErrorKind::setup,
         "merge {} of the vocabulary is \"{}\", not two pieces with a space between; the file is damaged", rank, merge);
  const std::optional<std::string> left = from_byte_alphabet(merge.substr(0, space));
  const std::optional<std::string> right = from_byte_alphabet(merge.substr(space + 1));
  const TokenId left_id = left ? find_token(*left) : kNoToken;
  const TokenId right_id = right ? find_token(*right) : kNoToken;
  const TokenId merged = left_id != kNoToken && right_id != kNoToken ? find_token(*left + *right) : kNoToken;
  if (merged == kNoToken)
    fail(
        ErrorKind::setup,
        "merge {} of the vocabulary, \"{}\", has a part or a result that is no token; merges and tokens are not of the "
        "same tokenizer",
        rank, merge);
  Slot* slot = slot_for(pair_key(left_id, right_id));
  if (slot->pair == kNoPair) *slot = {pair_key(left_id, right_id), rank, merged};  // of duplicates the first counts
}

BpeModel::Slot* BpeModel::slot_for(std::uint64_t pair) noexcept {
  const std::size_t mask = pairs_.size() - 1;
  std::size_t at = (pair * 0x9E3779B97F4A7C15U) >> shift_;
  while (pairs_[at].pair != kNoPair && pairs_[at].pair != pair) at = (at + 1) & mask;
  return &pairs_[at];
}

PairMerge BpeModel::find_pair(TokenId left, TokenId right) const noexcept {
  if (left < 0 || right < 0) return {kNoMerge, kNoToken};
  const std::uint64_t pair = pair_key(left, right);
  const std::size_t mask = pairs_.size() - 1;
  for (std::size_t at = (pair * 0x9E3779B97F4A7C15U) >> shift_;; at = (at + 1) & mask) {
    const Slot& slot = pairs_[at];
    if (slot.pair == pair) return {slot.rank, slot.merged};
    if (slot.pair == kNoPair) return {kNoMerge, kNoToken};
  }
}

TokenId BpeModel::find_token(std::string_view bytes) const noexcept {
  if (bytes.size() > longest_) return kNoToken;
  const auto found = ids_.find(bytes);
  return found == ids_.end() ? kNoToken : found->second;
}

void BpeModel::encode(std::string_view piece, std::vector<TokenId>& out) const {
  if (piece.size() == 1) {
    const TokenId id = byte_ids_[static_cast<unsigned char>(piece[0])];
    if (id != kNoToken) out.push_back(id);
    return;
  }
  if (ignore_merges_) {
    const TokenId whole = find_token(piece);
    if (whole != kNoToken) return out.push_back(whole);
  }
  if (piece.size() <= kShortPiece) {
    merge_short(piece, out);
  } else {
    merge_long(piece, out);
  }
}

void BpeModel::merge_short(std::string_view piece, std::vector<TokenId>& out) const {
  std::array<TokenId, kShortPiece> ids;
  std::array<PairMerge, kShortPiece> pairs;  // pairs[i] = symbols i and i + 1
  std::size_t count = piece.size();
  for (std::size_t i = 0; i < count; ++i) ids[i] = byte_ids_[static_cast<unsigned char>(piece[i])];
  for (std::size_t i = 0; i + 1 < count; ++i) pairs[i] = find_pair(ids[i], ids[i + 1]);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].priority < pairs[best].priority) best = i;
    }
    if (pairs[best].priority == kNoMerge) break;
    ids[best] = pairs[best].merged;
    for (std::size_t i = best + 1; i + 1 < count; ++i) {
      ids[i] = ids[i + 1];
      pairs[i] = pairs[i + 1];
    }
    --count;
    if (best > 0) pairs[best - 1] = find_pair(ids[best - 1], ids[best]);
    if (best + 1 < count) pairs[best] = find_pair(ids[best], ids[best + 1]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (ids[i] != kNoToken) out.push_back(ids[i]);
  }
}

void BpeModel::merge_long(std::string_view piece, std::vector<TokenId>& out) const {
  if (piece.size() >= kNoSymbol)
    fail(ErrorKind::usage, "a piece of {} bytes without a break is too long to tokenize; split the text", piece.size());
  const auto count = static_cast<std::uint32_t>(piece.size());
  std::vector<MergeSymbol> symbols(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    symbols[i] = {i, 1, i == 0 ? kNoSymbol : i - 1, i + 1 == count ? kNoSymbol : i + 1,
                  byte_ids_[static_cast<unsigned char>(piece[i])]};
  }
  merge_symbols(symbols,
                [this](const MergeSymbol& left, const MergeSymbol& right) { return find_pair(left.id, right.id); });
  for (std::uint32_t i = 0; i != kNoSymbol; i = symbols[i].next) {
    if (symbols[i].id != kNoToken) out.push_back(symbols[i].id);
  }
}

}  // namespace bh::engine
