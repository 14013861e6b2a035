#include "engine/model/vocabulary_tiktoken.h"

#include <ctime>
#include <fstream>

#include "engine/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/temp_folder.h"

using namespace bh::engine;

namespace {

Vocabulary read(const std::string& text) {
  const bh::test::TempFolder folder;
  std::ofstream(folder / "tokenizer.model", std::ios::binary) << text;
  return read_tiktoken(folder / "tokenizer.model");
}

std::string refusal(const std::string& text) {
  try {
    read(text);
  } catch (const bh::Error& error) {
    REQUIRE(error.kind() == bh::ErrorKind::setup);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a rank file becomes tokens, merges and control tokens") {
  // a, b, c, ab, bc, abc, space + a, byte FF
  const Vocabulary vocabulary = read("YQ== 0\nYg== 1\nYw== 2\nYWI= 3\nYmM= 4\r\nYWJj 5\nIGE= 6\n/w== 7");
  REQUIRE(vocabulary.tokens.size() == 8 + 256);
  REQUIRE(vocabulary.tokens[5] == "abc");
  REQUIRE(vocabulary.tokens[6] ==
          "\xC4\xA0"
          "a");
  REQUIRE(vocabulary.tokens[7] == "\xC3\xBF");
  // Both splits of abc, that with the earlier left part first; none of " a", since the space is no token.
  REQUIRE(vocabulary.merges == std::vector<std::string>{"a b", "b c", "a bc", "ab c"});
  REQUIRE(vocabulary.bos == 8);
  REQUIRE(vocabulary.tokens[8] == "<|begin_of_text|>");
  REQUIRE(vocabulary.eos == 9);
  REQUIRE(vocabulary.tokens[8 + 6] == "<|start_header_id|>");
  REQUIRE(vocabulary.tokens[8 + 8] == "<|reserved_special_token_4|>");
  REQUIRE(vocabulary.tokens[static_cast<std::size_t>(vocabulary.eot)] == "<|eot_id|>");
  REQUIRE(vocabulary.tokens.back() == "<|reserved_special_token_250|>");
  REQUIRE(vocabulary.types[7] == TokenType::normal);
  REQUIRE(vocabulary.types[8] == TokenType::control);
  const Tokenizer tokenizer(vocabulary);
  REQUIRE(tokenizer.encode("abcab<|eot_id|>") == std::vector<TokenId>{8, 5, 3, 17});
}

TEST_CASE("tokens longer than any tokenizer has are refused, since they would take long to take apart") {
  const std::string letters(4 * 500, 'Y');  // base64 of 1500 bytes
  REQUIRE(refusal("YQ== 0\n" + letters + " 1\n").find("line 2 has a token of 1500 bytes") != std::string::npos);
  REQUIRE(refusal("YQ== 0\n" + letters.substr(0, 400) + " 1\n").empty());
}

TEST_CASE("what is no rank file is refused with its line") {
  REQUIRE(refusal("YQ== 0\nnonsense\n").find("line 2") != std::string::npos);
  REQUIRE(refusal("YQ== 0\nYg=\n").find("line 2") != std::string::npos);
  REQUIRE(refusal("YQ== 0\nY*== 1\n").find("line 2") != std::string::npos);
  REQUIRE(refusal("YQ== 0\nYg== x\n").find("line 2") != std::string::npos);
  REQUIRE(refusal("YQ== 0\nYg== 2\n").find("rank 2") != std::string::npos);
  REQUIRE(refusal("YQ== 0\nYQ== 1\n").find("the same") != std::string::npos);
  REQUIRE(refusal(" 0\n").find("line 1") != std::string::npos);
  REQUIRE_FALSE(refusal("").empty());
}

TEST_CASE("Llama 3's rank file gives its 280147 merges", "[shared]") {
  const auto path = bh::test::shared_file("data/tokenizers/llama3-tokenizer.model");
  if (!path) return;
  const std::clock_t start = std::clock();  // processor time: other load must not fail the test
  const Vocabulary vocabulary = read_tiktoken(*path);
  REQUIRE(std::clock() - start < 3 * CLOCKS_PER_SEC);
  REQUIRE(vocabulary.tokens.size() == 128256);
  REQUIRE(vocabulary.merges.size() == 280147);
  REQUIRE(vocabulary.bos == 128000);
  REQUIRE(vocabulary.eot == 128009);
}
