#include "engine/model/tokenizer.h"

#include <ctime>
#include <random>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/model/pre_tokenizer.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/paths.h"
#include "tests/support/vocabularies.h"

using namespace bh::engine;
using bh::test::byte_bpe;
using bh::test::spm;
using Ids = std::vector<TokenId>;

namespace {

const EncodeOptions kPlain = {false, false};

std::string refusal(Vocabulary vocabulary) {
  try {
    Tokenizer tokenizer(std::move(vocabulary));
  } catch (const bh::Error& error) {
    REQUIRE(error.kind() == bh::ErrorKind::setup);
    return error.what();
  }
  return "";
}

/// Encodes texts of a megabyte that were quadratic, or worse, in other tokenizers. The bound is a hundred times what it
/// takes in a release build, and a thousandth of what a quadratic step would.
void encodes_a_megabyte(const Tokenizer& tokenizer) {
  constexpr std::size_t kSize = 1 << 20;
  for (const std::string unit : {" ", "a", "\n", "<", " \n", "ab'1 \xC3\xA9\xFF\t<|eot_id|>"}) {
    const std::string text = bh::test::repeated(unit, kSize);
    const std::clock_t start = std::clock();  // processor time: other load must not fail the test
    const Ids ids = tokenizer.encode(text, {false, true});
    REQUIRE(std::clock() - start < 20 * CLOCKS_PER_SEC);
    REQUIRE(tokenizer.decode(ids, true) == text);
  }
}

}  // namespace

TEST_CASE("the shipped model's token ids are those of Hugging Face's tokenizer") {
  const Tokenizer tokenizer = Tokenizer::from_hf_folder(bh::test::shipped_model() / "bf16");
  REQUIRE(tokenizer.warnings().empty());
  const bh::json::value document =
      bh::read_json_file(std::string(bh::test::kSourceDir) + "/tests/data/kjv-3m-token-ids.json");
  std::size_t count = 0;
  for (const bh::json::value& row : document.at("vectors").as_array()) {
    const std::string text = bh::get_string(row.as_object(), "text", "vectors");
    Ids expected;
    for (const bh::json::value& id : row.at("ids").as_array()) expected.push_back(static_cast<TokenId>(id.as_int64()));
    INFO("text: " << text);
    REQUIRE(tokenizer.encode(text, {false, true}) == expected);
    REQUIRE(tokenizer.decode(expected, true) == text);
    ++count;
  }
  REQUIRE(count > 40);
}

TEST_CASE("byte-level BPE gives back any bytes") {
  std::mt19937 random(5);
  const Tokenizer shipped = Tokenizer::from_hf_folder(bh::test::shipped_model() / "bf16");
  for (const PreTokenizerInfo& info : pre_tokenizers()) {
    Vocabulary vocabulary = shipped.vocabulary();
    vocabulary.pre = info.name;
    const Tokenizer tokenizer(std::move(vocabulary));
    for (int round = 0; round < 200; ++round) {
      const std::string text = round % 2 == 0
                                   ? bh::test::random_bytes(random, random() % 300)
                                   : bh::test::random_text(random, random() % 300, "ab \n\t'<|>\xE6\x97\xA5\xFF");
      REQUIRE(tokenizer.decode(tokenizer.encode(text, {false, true}), true) == text);
      REQUIRE(tokenizer.decode(tokenizer.encode(text, kPlain)) == text);
    }
  }
}

TEST_CASE("SPM with byte tokens gives back any bytes") {
  std::mt19937 random(6);
  for (const bool prefix : {true, false}) {
    Vocabulary vocabulary = spm({"_", "a", "b", "ab", "_a", "__", "\xC3\xA9"});
    vocabulary.add_space_prefix = prefix;
    const Tokenizer tokenizer(std::move(vocabulary));
    for (int round = 0; round < 300; ++round) {
      const std::string text = round % 2 == 0 ? bh::test::random_bytes(random, random() % 100)
                                              : bh::test::random_text(random, random() % 100, "ab \n\xC3\xA9\xFF");
      REQUIRE(tokenizer.decode(tokenizer.encode(text, {true, false})) == text);
    }
  }
}

TEST_CASE("BOS and EOS are added where the vocabulary asks and the caller does not refuse") {
  Vocabulary vocabulary = byte_bpe({});
  const TokenId bos = vocabulary.bos, eos = vocabulary.eos;
  REQUIRE(Tokenizer(vocabulary).encode("a") == Ids{bos, 'a'});
  REQUIRE(Tokenizer(vocabulary).encode("a", {false, true}) == Ids{'a'});
  vocabulary.add_eos = true;
  REQUIRE(Tokenizer(vocabulary).encode("") == Ids{bos, eos});
  vocabulary.add_bos = false;
  REQUIRE(Tokenizer(vocabulary).encode("a") == Ids{'a', eos});
}

TEST_CASE("control tokens in a text are parsed only when asked, and print only when asked") {
  const Tokenizer tokenizer(byte_bpe({}));
  const TokenId eot = tokenizer.size() - 1;
  REQUIRE(tokenizer.encode("a<|eot_id|>b", {false, true}) == Ids{'a', eot, 'b'});
  REQUIRE(tokenizer.encode("<|eot_id|>", kPlain).size() == 10);
  REQUIRE(tokenizer.decode(Ids{'a', eot, 'b'}) == "ab");
  REQUIRE(tokenizer.decode(Ids{'a', eot, 'b'}, true) == "a<|eot_id|>b");
  REQUIRE(tokenizer.piece(eot).empty());
  REQUIRE(tokenizer.piece(eot, true) == "<|eot_id|>");
  REQUIRE_THROWS_AS(tokenizer.piece(-1), bh::Error);
  REQUIRE_THROWS_AS(tokenizer.piece(tokenizer.size()), bh::Error);
}

TEST_CASE("text never turns into a control token by being a piece of its own") {
  Vocabulary vocabulary = byte_bpe({});
  vocabulary.tokens.back() = "tool";
  REQUIRE(Tokenizer(vocabulary).encode("tool", kPlain) == Ids{'t', 'o', 'o', 'l'});
  REQUIRE(Tokenizer(vocabulary).encode("tool", {false, true}) == Ids{258});
}

TEST_CASE("ignore_merges of the vocabulary overrides what the pre-tokenizer implies") {
  Vocabulary vocabulary = byte_bpe({{"b", "c"}, {"a", "b"}, {"ab", "c"}}, "llama-bpe");
  REQUIRE(Tokenizer(vocabulary).encode("abc", kPlain) == Ids{258});
  vocabulary.ignore_merges = false;
  REQUIRE(Tokenizer(vocabulary).encode("abc", kPlain) == Ids{'a', 256});
}

TEST_CASE("a generation ends at eos, eot, eom and further ids; eot is also found by its name") {
  Vocabulary vocabulary = byte_bpe({});
  const TokenId eos = vocabulary.eos, eot = eos + 1;
  Tokenizer tokenizer(vocabulary);
  REQUIRE(tokenizer.is_eog(eos));
  REQUIRE(tokenizer.is_eog(eot));
  REQUIRE_FALSE(tokenizer.is_eog(vocabulary.bos));
  REQUIRE_FALSE(tokenizer.is_eog(kNoToken));
  REQUIRE_FALSE(tokenizer.is_eog('a'));
  REQUIRE(tokenizer.vocabulary().eot == kNoToken);  // the vocabulary stays what the source said

  vocabulary.eot = 'x';
  vocabulary.eom = 'y';
  vocabulary.extra_eog = {'z'};
  tokenizer = Tokenizer(vocabulary);
  for (const TokenId id : {eos, TokenId{'x'}, TokenId{'y'}, TokenId{'z'}}) REQUIRE(tokenizer.is_eog(id));
  REQUIRE_FALSE(tokenizer.is_eog(eot));

  vocabulary = byte_bpe({});
  vocabulary.types.back() = TokenType::normal;  // as some converters left <|eot_id|>
  tokenizer = Tokenizer(vocabulary);
  REQUIRE(tokenizer.is_eog(eot));
  REQUIRE(tokenizer.piece(eot).empty());
  REQUIRE(tokenizer.warnings().size() == 1);
}

TEST_CASE("SPM puts a space in front of text at the start and after a control token") {
  Vocabulary vocabulary = spm({"_", "a", "_a", "__"});
  const TokenId space_a = 261;
  REQUIRE(Tokenizer(vocabulary).encode("a") == Ids{1, space_a});
  REQUIRE(Tokenizer(vocabulary).encode("a</s>a", {false, true}) == Ids{space_a, 2, space_a});
  REQUIRE(Tokenizer(vocabulary).encode("", {false, true}).empty());
  vocabulary.add_space_prefix = false;
  REQUIRE(Tokenizer(vocabulary).encode("a") == Ids{1, 260});
}

TEST_CASE("SPM decoding strips one leading space, streaming keeps it") {
  const Tokenizer tokenizer(spm({"_", "a", "_a", "__"}));
  REQUIRE(tokenizer.decode(Ids{1, 261, 261}) == "a a");
  REQUIRE(tokenizer.decode(Ids{262}) == " ");
  REQUIRE(tokenizer.decode(Ids{260, 261}) == "a a");
  REQUIRE(tokenizer.decode(Ids{3 + ' ', 260}) == " a");  // a byte token is no prefix
  REQUIRE(tokenizer.piece(261) == " a");
  REQUIRE(tokenizer.piece(3 + 0xC3) == "\xC3");
}

TEST_CASE("a vocabulary that names no pre-tokenizer gets llama.cpp's default and a warning") {
  const Tokenizer tokenizer(byte_bpe({{"'", "s"}}, ""));
  REQUIRE(tokenizer.warnings().size() == 1);
  REQUIRE(tokenizer.warnings()[0].find("tokenizer.ggml.pre") != std::string::npos);
  REQUIRE(tokenizer.encode("it's", kPlain) == Ids{'i', 't', '\'', 's'});
  REQUIRE(Tokenizer(byte_bpe({{"'", "s"}}, "llama-bpe")).encode("it's", kPlain) == Ids{'i', 't', 256});
  REQUIRE(Tokenizer(byte_bpe({}, "default")).warnings().empty());
}

TEST_CASE("what will not work is warned of") {
  Vocabulary vocabulary = byte_bpe({});
  vocabulary.bos = vocabulary.eos = kNoToken;
  vocabulary.tokens.back() = "<|other|>";
  const Tokenizer tokenizer(vocabulary);
  REQUIRE(tokenizer.warnings().size() == 2);
  REQUIRE(tokenizer.encode("a") == Ids{'a'});
}

TEST_CASE("an inconsistent vocabulary is refused") {
  REQUIRE(refusal(byte_bpe({})) == "");
  REQUIRE(refusal(Vocabulary{}).find("not supported") != std::string::npos);
  Vocabulary vocabulary = byte_bpe({});
  vocabulary.model = "bert";
  REQUIRE(refusal(vocabulary).find("bert") != std::string::npos);
  vocabulary = byte_bpe({});
  vocabulary.types.pop_back();
  REQUIRE(refusal(vocabulary).find("token types") != std::string::npos);
  vocabulary = byte_bpe({});
  vocabulary.scores.resize(3);
  REQUIRE(refusal(vocabulary).find("scores") != std::string::npos);
  vocabulary = spm({"a"});
  vocabulary.scores.clear();
  REQUIRE(refusal(vocabulary).find("scores") != std::string::npos);
  vocabulary = byte_bpe({}, "llama-6");
  REQUIRE(refusal(vocabulary).find("llama-6") != std::string::npos);
  vocabulary = byte_bpe({});
  vocabulary.merges = {"a zz"};
  REQUIRE(refusal(vocabulary).find("merge 0") != std::string::npos);
  vocabulary = byte_bpe({});
  vocabulary.tokens.clear();
  REQUIRE(refusal(vocabulary).find("no tokens") != std::string::npos);
  for (TokenId Vocabulary::*member : {&Vocabulary::bos, &Vocabulary::eos, &Vocabulary::eot, &Vocabulary::eom,
                                      &Vocabulary::unknown, &Vocabulary::padding}) {
    for (const TokenId id : {-2, 259}) {
      vocabulary = byte_bpe({});
      vocabulary.*member = id;
      REQUIRE(refusal(vocabulary).find("259 tokens") != std::string::npos);
    }
  }
  REQUIRE_THROWS_AS(Tokenizer().encode("a"), bh::Error);
  REQUIRE(Tokenizer().size() == 0);
}

TEST_CASE("a megabyte of anything is encoded in linear time with llama-bpe") {
  encodes_a_megabyte(Tokenizer::from_hf_folder(bh::test::shipped_model() / "bf16"));
}

TEST_CASE("a megabyte of anything is encoded in linear time with gpt-2") {
  encodes_a_megabyte(Tokenizer::from_hf_folder(bh::test::shipped_model() / "bf16", "gpt-2"));
}

TEST_CASE("a megabyte of anything is encoded in linear time with default") {
  encodes_a_megabyte(Tokenizer::from_hf_folder(bh::test::shipped_model() / "bf16", "default"));
}

TEST_CASE("a megabyte of anything is encoded in linear time with SPM") {
  encodes_a_megabyte(
      Tokenizer(spm({"_", "a", "__", "____", "________", "aa", "aaaa", "aaaaaaaa", "\n", "\n\n", "b", "_a", "ab"})));
}
