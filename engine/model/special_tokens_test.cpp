#include "engine/model/special_tokens.h"

#include <algorithm>
#include <random>

#include "tests/support/catch.h"
#include "tests/support/vocabularies.h"

using namespace bh::engine;

namespace {

Vocabulary with_specials(const std::vector<std::string>& texts, TokenType type = TokenType::control) {
  Vocabulary vocabulary;
  vocabulary.tokens = texts;
  vocabulary.types.assign(texts.size(), type);
  return vocabulary;
}

/// "text" or "[token]", with bars between.
std::string shown(const Vocabulary& vocabulary, std::string_view text, bool parse_special = true) {
  std::string out;
  for (const TextFragment& fragment : SpecialTokens(vocabulary).split(text, parse_special)) {
    if (!out.empty()) out += '|';
    out += fragment.token == kNoToken ? std::string(fragment.text)
                                      : "[" + vocabulary.tokens[static_cast<std::size_t>(fragment.token)] + "]";
  }
  return out;
}

/// The definition: each token in turn, longest first, over all text that is still free.
std::string split_slowly(const Vocabulary& vocabulary, const std::string& text) {
  std::vector<std::size_t> order(vocabulary.tokens.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return vocabulary.tokens[a].size() > vocabulary.tokens[b].size();
  });
  std::vector<int> owner(text.size(), -1);  // the token that begins here; -2 = inside one
  for (const std::size_t token : order) {
    const std::string& special = vocabulary.tokens[token];
    for (std::size_t at = 0; at + special.size() <= text.size(); ++at) {
      const auto begin = owner.begin() + static_cast<std::ptrdiff_t>(at);
      const auto end = begin + static_cast<std::ptrdiff_t>(special.size());
      if (text.compare(at, special.size(), special) != 0 || std::any_of(begin, end, [](int o) { return o != -1; }))
        continue;
      std::fill(begin, end, -2);
      *begin = static_cast<int>(token);
    }
  }
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (owner[at] >= 0) {
      out += (at > 0 ? "|[" : "[") + vocabulary.tokens[static_cast<std::size_t>(owner[at])] + "]";
    } else if (owner[at] == -1) {
      out += at > 0 && owner[at - 1] != -1 ? "|" : "";
      out += text[at];
    }
  }
  return out;
}

}  // namespace

TEST_CASE("special tokens are found between text and beside each other") {
  const Vocabulary vocabulary = with_specials({"<s>", "</s>", "<|eot|>"});
  REQUIRE(shown(vocabulary, "<s>a<|eot|></s>b<") == "[<s>]|a|[<|eot|>]|[</s>]|b<");
  REQUIRE(shown(vocabulary, "none") == "none");
  REQUIRE(shown(vocabulary, "<s") == "<s");
  REQUIRE(shown(vocabulary, "") == "");
  REQUIRE(shown(with_specials({}), "<s>") == "<s>");
}

TEST_CASE("of special tokens that overlap the longer wins, even where the shorter begins first") {
  const Vocabulary vocabulary = with_specials({"ab", "bcd", "abcde"});
  REQUIRE(shown(vocabulary, "abcd") == "a|[bcd]");
  REQUIRE(shown(vocabulary, "abcde") == "[abcde]");
  std::mt19937 random(4);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> texts;
    for (int i = 0; i < 6; ++i) {
      const std::string text = bh::test::random_text(random, 1 + random() % 4, "abc");
      if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
    }
    const Vocabulary random_vocabulary = with_specials(texts);
    const std::string text = bh::test::random_text(random, 1 + random() % 30, "abcd");
    INFO("text: " << text);
    REQUIRE(shown(random_vocabulary, text) == split_slowly(random_vocabulary, text));
  }
}

TEST_CASE("a special token longer than any real one is refused, any other is not") {
  const std::string most(1024, 'a');
  REQUIRE(shown(with_specials({most}), most) == "[" + most + "]");
  for (const TokenType type : {TokenType::control, TokenType::unknown, TokenType::user_defined}) {
    const Vocabulary vocabulary = with_specials({"<s>", "<|" + most}, type);
    REQUIRE_THROWS_WITH(SpecialTokens(vocabulary), Catch::Contains("special token 1 (\"<|aaa") &&
                                                       Catch::Contains("1026 bytes; no vocabulary has one above 1024"));
  }
  REQUIRE(shown(with_specials({"<|" + most}, TokenType::normal), "a") == "a");
}

TEST_CASE("control and unknown tokens are parsed only on demand, user-defined ones always, others never") {
  REQUIRE(shown(with_specials({"<s>"}), "<s>a", false) == "<s>a");
  REQUIRE(shown(with_specials({"<s>"}, TokenType::unknown), "<s>a", false) == "<s>a");
  REQUIRE(shown(with_specials({"<s>"}, TokenType::unknown), "<s>a", true) == "[<s>]|a");
  REQUIRE(shown(with_specials({"<s>"}, TokenType::user_defined), "<s>a", false) == "[<s>]|a");
  REQUIRE(shown(with_specials({"<s>"}, TokenType::normal), "<s>a", true) == "<s>a");
  REQUIRE(shown(with_specials({""}), "a") == "a");
}
