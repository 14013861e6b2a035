#include "engine/model/spm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "engine/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/vocabularies.h"

using namespace bh::engine;
using bh::test::spm;
using Texts = std::vector<std::string>;

namespace {

Texts encode(const Vocabulary& vocabulary, const std::string& text) {
  std::vector<TokenId> ids;
  SpmModel(vocabulary).encode(text, ids);
  Texts tokens;
  for (const TokenId id : ids) tokens.push_back(vocabulary.tokens[static_cast<std::size_t>(id)]);
  return tokens;
}

/// The definition over one-byte characters: again and again the leftmost of the pairs whose result scores highest.
Texts merge_slowly(const Vocabulary& vocabulary, const std::string& text) {
  std::map<std::string, float> scores;
  for (std::size_t id = 259; id < vocabulary.tokens.size(); ++id) scores[vocabulary.tokens[id]] = vocabulary.scores[id];
  Texts symbols;
  for (const char c : text) symbols.emplace_back(1, c);
  while (true) {
    float best = -std::numeric_limits<float>::infinity();
    std::size_t at = symbols.size();
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = scores.find(symbols[i] + symbols[i + 1]);
      if (found == scores.end() || !(found->second > best)) continue;
      best = found->second;
      at = i;
    }
    if (at == symbols.size()) return symbols;
    symbols[at] += symbols[at + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

}  // namespace

TEST_CASE("SPM merges by score, then from the left") {
  std::mt19937 random(3);
  for (int round = 0; round < 6; ++round) {
    Texts pieces = {"a", "b", "c"};
    while (pieces.size() < 40) {
      const std::string piece = bh::test::random_text(random, 2 + random() % 5, "abc");
      if (std::find(pieces.begin(), pieces.end(), piece) == pieces.end()) pieces.push_back(piece);
    }
    Vocabulary vocabulary = spm(pieces);
    if (round % 3 == 0) {  // equal scores: the leftmost counts
      for (float& score : vocabulary.scores) score = std::floor(score / 8);
    }
    for (const std::size_t size : {1, 2, 30, 300, 1024, 1025}) {
      const std::string text = bh::test::random_text(random, size, round % 2 == 0 ? "abc" : "aaaab");
      REQUIRE(encode(vocabulary, text) == merge_slowly(vocabulary, text));
    }
  }
}

TEST_CASE("a merged token needs no token for its parts") {
  REQUIRE(encode(spm({"abc", "bc"}), "abc") == Texts{"abc"});
  REQUIRE(encode(spm({"ab"}), "aab") == Texts{"<0x61>", "ab"});
}

TEST_CASE("spaces are visible inside, and a text is cut where no token has such neighbours") {
  const std::string space(kSpmSpace);
  const Vocabulary vocabulary = spm({"_", "a", "_a", "a_", "__"});
  REQUIRE(encode(vocabulary, " a") == Texts{space + "a"});
  REQUIRE(encode(vocabulary, "a  a") == Texts{"a" + space, space + "a"});  // "_a" scores above "a_" and "__"
  REQUIRE(encode(vocabulary, "aa") == Texts{"a", "a"});
  REQUIRE(encode(vocabulary, "   ") == Texts{space + space, space});
}

TEST_CASE("what no token covers becomes bytes, or the unknown token where there are none") {
  REQUIRE(encode(spm({"a"}), "a\xE6\x97\xA5") == Texts{"a", "<0xE6>", "<0x97>", "<0xA5>"});
  REQUIRE(encode(spm({"a"}), std::string("\0\xFF"
                                         "a\xE6\x97",
                                         5)) == Texts{"<0x00>", "<0xFF>", "a", "<0xE6>", "<0x97>"});
  Vocabulary without_bytes = spm({"a"}, false);
  REQUIRE(encode(without_bytes, "ab\xE6\x97\xA5") == Texts{"a", "<unk>", "<unk>"});
  without_bytes.unknown = kNoToken;
  REQUIRE(encode(without_bytes, "ab") == Texts{"a"});
}

TEST_CASE("text does not merge into control or byte tokens, nor into a score of minus infinity") {
  Vocabulary vocabulary = spm({"<", "s", ">", "<s", "0x", "41>", "<0x", "ab"});
  REQUIRE(encode(vocabulary, "<s>") == Texts{"<s", ">"});
  vocabulary.scores.back() = -std::numeric_limits<float>::infinity();
  REQUIRE(encode(vocabulary, "ab") == Texts{"<0x61>", "<0x62>"});
}

TEST_CASE("byte tokens must look like bytes, scores must be numbers") {
  REQUIRE(SpmModel::byte_of("<0x0A>") == 10);
  REQUIRE(SpmModel::byte_of("<0xff>") == 255);
  for (const char* text : {"<0x0G>", "<0xA>", "0x0A", "", "<0x0A> "}) REQUIRE(SpmModel::byte_of(text) == -1);
  Vocabulary vocabulary = spm({"a"});
  vocabulary.tokens[10] = "<7>";
  REQUIRE_THROWS_AS(SpmModel(vocabulary), bh::Error);
  vocabulary = spm({"a"});
  vocabulary.scores.back() = std::numeric_limits<float>::quiet_NaN();
  REQUIRE_THROWS_AS(SpmModel(vocabulary), bh::Error);
}
