#include "engine/model/bpe.h"

#include <algorithm>
#include <limits>
#include <random>

#include "engine/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/vocabularies.h"

using namespace bh::engine;
using Merges = std::vector<std::pair<std::string, std::string>>;

namespace {

/// The definition: again and again the leftmost of the pairs of lowest rank.
std::vector<std::string> merge_slowly(const Merges& merges, const std::string& piece) {
  std::vector<std::string> symbols;
  for (const char c : piece) symbols.emplace_back(1, c);
  while (true) {
    std::size_t best = merges.size(), at = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = std::find(merges.begin(), merges.end(), std::pair(symbols[i], symbols[i + 1]));
      const auto rank = static_cast<std::size_t>(found - merges.begin());
      if (rank < best) best = rank, at = i;
    }
    if (best == merges.size()) return symbols;
    symbols[at] += symbols[at + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

/// Merges of random tokens made so far, each of whose results is new.
Merges random_merges(std::mt19937& random, std::size_t count) {
  std::vector<std::string> tokens = {"a", "b", "c"};
  Merges merges;
  while (merges.size() < count) {
    const std::string left = tokens[random() % tokens.size()], right = tokens[random() % tokens.size()];
    if (left.size() + right.size() > 12 || std::find(tokens.begin(), tokens.end(), left + right) != tokens.end())
      continue;
    merges.emplace_back(left, right);
    tokens.push_back(left + right);
  }
  return merges;
}

std::vector<std::string> token_bytes(const Vocabulary& vocabulary) {
  std::vector<std::string> bytes;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const bool normal = vocabulary.types[id] == TokenType::normal;
    bytes.push_back(normal ? from_byte_alphabet(vocabulary.tokens[id]).value() : "");
  }
  return bytes;
}

std::vector<std::string> encode(const BpeModel& model, const std::vector<std::string>& bytes,
                                const std::string& piece) {
  std::vector<TokenId> ids;
  model.encode(piece, ids);
  std::vector<std::string> tokens;
  for (const TokenId id : ids) tokens.push_back(bytes[static_cast<std::size_t>(id)]);
  return tokens;
}

std::string refusal(const std::vector<std::string>& merges) {
  const std::vector<std::string> bytes = {"a", "b", "ab"};
  try {
    BpeModel(bytes, merges, false);
  } catch (const bh::Error& error) {
    REQUIRE(error.kind() == bh::ErrorKind::setup);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("BPE merges by rank, then from the left, in pieces of any length") {
  std::mt19937 random(2);
  for (int round = 0; round < 12; ++round) {
    const Merges merges = random_merges(random, 1 + random() % 40);
    const auto bytes = token_bytes(bh::test::byte_bpe(merges));
    const BpeModel model(bytes, bh::test::byte_bpe(merges).merges, false);
    // Around the lengths at which the way of finding the best pair changes.
    for (const std::size_t size : {1, 2, 3, 17, 47, 48, 49, 200, 1024, 1025, 1400}) {
      const std::string piece = bh::test::random_text(random, size, round % 2 == 0 ? "abc" : "aaaab");
      REQUIRE(encode(model, bytes, piece) == merge_slowly(merges, piece));
    }
  }
}

TEST_CASE("a lower rank that comes up late still goes first") {
  // ab makes room for (ab)a, which outranks the pairs of ab still waiting further right.
  const Merges merges = {{"ab", "a"}, {"a", "b"}, {"b", "aba"}};
  const auto bytes = token_bytes(bh::test::byte_bpe(merges));
  const BpeModel model(bytes, bh::test::byte_bpe(merges).merges, false);
  for (const std::size_t size : {9, 60, 1300}) {
    const std::string piece = bh::test::repeated("aba", size) + "bababab";
    REQUIRE(encode(model, bytes, piece) == merge_slowly(merges, piece));
  }
}

TEST_CASE("with ignore_merges a piece that is a token is taken whole") {
  const Merges merges = {{"b", "c"}, {"a", "b"}, {"ab", "c"}};  // abc is a token that merging a|bc does not reach
  const auto vocabulary = bh::test::byte_bpe(merges);
  const auto bytes = token_bytes(vocabulary);
  REQUIRE(encode(BpeModel(bytes, vocabulary.merges, false), bytes, "abc") == std::vector<std::string>{"a", "bc"});
  REQUIRE(encode(BpeModel(bytes, vocabulary.merges, true), bytes, "abc") == std::vector<std::string>{"abc"});
  REQUIRE(encode(BpeModel(bytes, vocabulary.merges, true), bytes, "abca") == std::vector<std::string>{"a", "bc", "a"});
}

TEST_CASE("of a merge that stands there twice the first counts") {
  const std::vector<std::string> bytes = {"a", "b", "c", "ab", "bc"};
  const BpeModel model(bytes, std::vector<std::string>{"a b", "b c", "a b"}, false);
  REQUIRE(encode(model, bytes, "abc") == std::vector<std::string>{"ab", "c"});
}

TEST_CASE("bytes without a token are dropped") {
  const std::vector<std::string> bytes = {"a", "b", "ab"};
  const BpeModel model(bytes, std::vector<std::string>{"a b"}, false);
  REQUIRE(encode(model, bytes, "xabxxaxbx") == std::vector<std::string>{"ab", "a", "b"});
  REQUIRE(encode(model, bytes, bh::test::repeated("x", 100) + "ab") == std::vector<std::string>{"ab"});
  REQUIRE(encode(model, bytes, "x").empty());
}

TEST_CASE("merges that make no sense are refused with their number") {
  REQUIRE(refusal({"a b"}) == "");
  for (const std::string merge : {"ab", "a ", " b", "", "a c", "b a", "a b a", "\xFF b"}) {
    INFO("merge: " << merge);
    REQUIRE(refusal({"a b", merge}).find("merge 1") != std::string::npos);
  }
}
