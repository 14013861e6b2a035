#include "engine/model/pre_tokenizer.h"

#include <random>

#include "engine/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/vocabularies.h"

using namespace bh::engine;
using bh::test::repeated;
using Pieces = std::vector<std::string_view>;

namespace {

Pieces split(std::string_view name, std::string_view text) {
  return PreTokenizer(find_pre_tokenizer(name)).split(text);
}

std::string joined(const Pieces& pieces) {
  std::string text;
  for (const std::string_view piece : pieces) text += piece;
  return text;
}

/// Text that changes class all the time, some of it no UTF-8.
std::string mixed_text(std::mt19937& random, std::size_t units) {
  static const std::vector<std::string> kUnits = {" ",
                                                  "  ",
                                                  "\n",
                                                  "\r\n",
                                                  "\t",
                                                  "a",
                                                  "Bc",
                                                  "'s",
                                                  "'LL",
                                                  "1",
                                                  "22",
                                                  "_",
                                                  "(",
                                                  "$",
                                                  "<|",
                                                  "\xC3\xA9",
                                                  "\xE6\x97\xA5",
                                                  "\xFF",
                                                  "\x80",
                                                  "\xE6\x97",
                                                  "\xC2\xA0",
                                                  "\xE3\x80\x80",
                                                  "\xF0\x9F\x9A\x80",
                                                  "\xCC\x81",
                                                  "'"};
  std::string text;
  for (std::size_t i = 0; i < units; ++i) text += kUnits[random() % kUnits.size()];
  return text;
}

}  // namespace

TEST_CASE("llama-bpe cuts as Llama 3 was trained") {
  REQUIRE(split("llama-bpe", "it's I'm DON'T") == Pieces{"it", "'s", " I", "'m", " DON", "'T"});
  REQUIRE(split("llama-bpe", "a\n\n\nb  c \n d") == Pieces{"a", "\n\n\n", "b", " ", " c", " \n", " d"});
  REQUIRE(split("llama-bpe", "x=1;\ty  12345") == Pieces{"x", "=", "1", ";", "\ty", " ", " ", "123", "45"});
  REQUIRE(split("llama-bpe", "hi!\n\n?") == Pieces{"hi", "!\n\n", "?"});
  REQUIRE(split("llama-bpe", "end   ") == Pieces{"end", "   "});
}

TEST_CASE("gpt-2 cuts as GPT-2 was trained") {
  REQUIRE(split("gpt-2", "it's DON'T") == Pieces{"it", "'s", " DON", "'", "T"});
  REQUIRE(split("gpt-2", "a\n\nb 12345  c") == Pieces{"a", "\n", "\n", "b", " 12345", " ", " c"});
}

TEST_CASE("default cuts in four steps as llama.cpp does for files without a name") {
  REQUIRE(split("default", "it's") == Pieces{"it", "'", "s"});
  REQUIRE(split("default", " (a_b") == Pieces{" ", "(", "a", "_", "b"});
  REQUIRE(split("default", "1234567 z") == Pieces{"123", "456", "7", " z"});
  REQUIRE(split("default", " 22") == Pieces{" ", "22"});
}

TEST_CASE("white space is what Unicode counts as such") {
  REQUIRE(split("llama-bpe",
                "a\xC2\xA0\xE3\x80\x80"
                "1") == Pieces{"a", "\xC2\xA0", "\xE3\x80\x80", "1"});
  // U+180E is white space to PCRE2's \s, but not to Unicode.
  REQUIRE(split("gpt-2",
                " \xE1\xA0\x8E"
                "1") == Pieces{" \xE1\xA0\x8E", "1"});
}

TEST_CASE("bytes that are no UTF-8 stay where they are") {
  REQUIRE(split("llama-bpe",
                "ab\xFF\xFE"
                "cd\xE6\x97") == Pieces{"ab", "\xFF\xFE", "cd", "\xE6\x97"});
  REQUIRE(split("llama-bpe", std::string_view("\0\xFF", 2)) == Pieces{std::string_view("\0\xFF", 2)});
  REQUIRE(split("llama-bpe", "").empty());
}

TEST_CASE("pieces together are the text, with just-in-time code and without") {
  std::mt19937 random(1);
  for (const PreTokenizerInfo& info : pre_tokenizers()) {
    const PreTokenizer compiled(info);
    const PreTokenizer interpreted(info, false);
    for (int round = 0; round < 300; ++round) {
      const std::string text = mixed_text(random, random() % 60);
      const Pieces pieces = compiled.split(text);
      REQUIRE(joined(pieces) == text);
      REQUIRE(interpreted.split(text) == pieces);
      for (const std::string_view piece : pieces) REQUIRE_FALSE(piece.empty());
    }
  }
}

TEST_CASE("a long text without a break is cut in linear time, with just-in-time code and without") {
  constexpr std::size_t kSize = 1 << 19;
  for (const PreTokenizerInfo& info : pre_tokenizers()) {
    for (const bool use_jit : {true, false}) {
      const PreTokenizer pre_tokenizer(info, use_jit);
      REQUIRE(pre_tokenizer.split(repeated(" ", kSize)).size() == 1);
      REQUIRE(pre_tokenizer.split(repeated(" ", kSize) + "x").size() == 2);
      REQUIRE(pre_tokenizer.split(repeated("a", kSize)).size() == 1);
      REQUIRE(pre_tokenizer.split(repeated("\n", kSize)).size() == 1);
      REQUIRE(pre_tokenizer.split(repeated("\xFF", kSize)).size() == 1);
    }
  }
}

TEST_CASE("names, other names and spellings lead to a pre-tokenizer, anything else to an error that lists them") {
  REQUIRE(find_pre_tokenizer("llama3").name == "llama-bpe");
  REQUIRE(find_pre_tokenizer("llama-v3").name == "llama-bpe");
  REQUIRE(find_pre_tokenizer("llama-bpe").ignore_merges);
  REQUIRE_FALSE(find_pre_tokenizer("default").ignore_merges);
  REQUIRE(recognise_pre_tokenizer("\\w+") == nullptr);
  try {
    find_pre_tokenizer("qwen9");
    FAIL("found");
  } catch (const bh::Error& error) {
    const std::string message = error.what();
    REQUIRE(error.kind() == bh::ErrorKind::setup);
    REQUIRE(message.find("qwen9") != std::string::npos);
    for (const PreTokenizerInfo& info : pre_tokenizers()) REQUIRE(message.find(info.name) != std::string::npos);
  }
}
