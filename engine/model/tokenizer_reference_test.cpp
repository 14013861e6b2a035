// Token ids against recorded ones of llama.cpp, for vocabularies whose licence keeps them out of the repository.
#include <fstream>
#include <iterator>
#include <sstream>

#include "engine/model/gguf.h"
#include "engine/model/tokenizer.h"
#include "engine/model/vocabulary_tiktoken.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace bh::engine;
using Ids = std::vector<TokenId>;

namespace {

const char* const kLlama3 = "data/tokenizers/llama3-tokenizer.model";

Tokenizer llama3(const std::filesystem::path& path, const std::string& pre) {
  Vocabulary vocabulary = read_tiktoken(path);
  vocabulary.pre = pre;
  return Tokenizer(std::move(vocabulary));
}

struct Case {
  std::string text;
  Ids ids;
};

/// llama.cpp's models/ggml-vocab-*.gguf.inp and .out: texts between marks, ids without BOS one text a line.
std::vector<Case> read_cases(const std::filesystem::path& texts, const std::filesystem::path& ids) {
  constexpr std::string_view kMark = "\n__ggml_vocab_test__\n";
  std::ifstream text_file(texts, std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(text_file)), std::istreambuf_iterator<char>());
  std::ifstream id_file(ids);
  std::vector<Case> cases;
  for (std::size_t at = 0; at != std::string::npos;) {
    const std::size_t mark = all.find(kMark, at);
    Case one{all.substr(at, mark == std::string::npos ? mark : mark - at), {}};
    at = mark == std::string::npos ? mark : mark + kMark.size();
    std::string line;
    std::getline(id_file, line);
    std::istringstream numbers(line);
    one.ids.assign(std::istream_iterator<TokenId>(numbers), std::istream_iterator<TokenId>());
    cases.push_back(std::move(one));
  }
  return cases;
}

std::size_t count_equal(const Tokenizer& tokenizer, const std::vector<Case>& cases) {
  std::size_t equal = 0;
  for (const Case& one : cases) {
    const Ids ids = tokenizer.encode(one.text, {false, false});
    equal += ids == one.ids;
    REQUIRE(tokenizer.decode(ids) == one.text);
  }
  return equal;
}

}  // namespace

TEST_CASE("llama.cpp's own test texts: all 47 with llama-bpe, 40 with default", "[shared]") {
  const auto model = bh::test::shared_file(kLlama3);
  const auto texts = bh::test::shared_file("data/tokenizers/llama-bpe.inp");
  const auto ids = bh::test::shared_file("data/tokenizers/llama-bpe.out");
  if (!model || !texts || !ids) return;
  const std::vector<Case> cases = read_cases(*texts, *ids);
  REQUIRE(cases.size() == 47);
  REQUIRE(count_equal(llama3(*model, "llama-bpe"), cases) == 47);
  REQUIRE(count_equal(llama3(*model, "default"), cases) == 40);
}

TEST_CASE("llama.cpp's own test texts: all 47 with Llama 2's SPM", "[shared]") {
  const auto model = bh::test::shared_file("data/tokenizers/llama-spm.gguf");
  const auto texts = bh::test::shared_file("data/tokenizers/llama-spm.inp");
  const auto ids = bh::test::shared_file("data/tokenizers/llama-spm.out");
  if (!model || !texts || !ids) return;
  const std::vector<Case> cases = read_cases(*texts, *ids);
  REQUIRE(cases.size() == 47);
  REQUIRE(count_equal(Tokenizer::from_gguf(GgufFile::open(*model)), cases) == 47);
}

TEST_CASE("hard strings as bitnet.cpp tokenizes them, with the official file's default and with llama-bpe",
          "[shared]") {
  const auto model = bh::test::shared_file(kLlama3);
  if (!model) return;
  struct Row {
    std::string text;
    Ids by_default;
    Ids by_llama_bpe;  // empty = the same
  };
  const Row rows[] = {
      {"Hello, world!", {9906, 11, 1917, 0}, {}},
      {"The capital of France is", {791, 6864, 315, 9822, 374}, {}},
      {"it's I'm we'll DON'T",
       {275, 6, 82, 358, 6, 76, 584, 6, 657, 45373, 6, 51},
       {275, 596, 358, 2846, 584, 3358, 45373, 17773}},
      {"a\n\n\nb", {64, 271, 198, 65}, {64, 1432, 65}},
      {"x=1;\ty=22;  z=333",
       {87, 28, 16, 26, 197, 88, 28, 1313, 26, 220, 1167, 28, 8765},
       {87, 28, 16, 26, 14862, 28, 1313, 26, 220, 1167, 28, 8765}},
      {"1234567890", {4513, 10961, 16474, 15}, {}},
      {"(a+b)<=c^2|d~", {7, 64, 10, 65, 66712, 66, 61, 17, 91, 67, 93}, {2948, 36193, 66712, 66, 61, 17, 91, 67, 93}},
      {"e.g. $5 `x`", {68, 13, 70, 13, 220, 3, 20, 1595, 87, 63}, {68, 1326, 13, 400, 20, 1595, 87, 63}},
      {"hello_world __init__", {15339, 62, 14957, 220, 565, 2381, 565}, {15339, 32892, 1328, 2381, 565}},
      {"na\xC3\xAFve caf\xC3\xA9", {3458, 38672, 588, 53050}, {}},
      {"\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88", {102433, 102158, 57933, 71634}, {}},
      {"\xF0\x9F\x9A\x80\xF0\x9F\x8E\x89 ok", {9468, 248, 222, 9468, 236, 231, 5509}, {}},
      {"   three spaces", {256, 2380, 12908}, {}},
      {" \n \n", {33006}, {}},
      {"\r\n\r\n ", {881, 220}, {}},
      {std::string(1, '\0'), {188}, {}},
      {" (", {220, 7}, {320}},
      {"User: Hi<|eot_id|>Assistant: ", {1502, 25, 21694, 128009, 72803, 25, 220}, {}},
      {"<s>[INST]", {27, 82, 31868, 65562, 60}, {45147, 31868, 65562, 60}},
  };
  const Tokenizer by_default = llama3(*model, "default");
  const Tokenizer by_llama_bpe = llama3(*model, "llama-bpe");
  for (const Row& row : rows) {
    INFO("text: " << row.text);
    REQUIRE(by_default.encode(row.text, {false, true}) == row.by_default);
    REQUIRE(by_llama_bpe.encode(row.text, {false, true}) ==
            (row.by_llama_bpe.empty() ? row.by_default : row.by_llama_bpe));
  }
}
