// Vocabularies that cover every byte, texts to run through them, and tokenizer files sound and unsound.
#include <cstdio>

#include "engine/model/unicode.h"
#include "tests/fuzz/files.h"
#include "tests/fuzz/seeds.h"

namespace bh::fuzz {
namespace {

using engine::TokenId;
using engine::TokenType;
using engine::Vocabulary;

constexpr const char* kSpace = "\xe2\x96\x81";  // U+2581

void add(Vocabulary& vocabulary, const std::string& token, TokenType type, float score = 0) {
  vocabulary.tokens.push_back(token);
  vocabulary.types.push_back(type);
  vocabulary.scores.push_back(score);
}

/// The 256 bytes, a few merges of them, and special tokens of which one begins another.
Vocabulary byte_level(const std::string& pre) {
  Vocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = pre;
  for (int byte = 0; byte < 256; ++byte)
    add(vocabulary, std::string(engine::alphabet_character(static_cast<unsigned char>(byte))), TokenType::normal);
  const std::string space = engine::to_byte_alphabet(" ");
  for (const auto& [left, right] : std::vector<std::pair<std::string, std::string>>{
           {"t", "h"},
           {"th", "e"},
           {space, "the"},
           {space, space},
           {space + space, space + space},
           {"1", "2"},
           {"a", "a"},
           {"aa", "aa"},
           {engine::to_byte_alphabet("\xc3"), engine::to_byte_alphabet("\xa9")}}) {
    vocabulary.merges.push_back(left + " " + right);
    add(vocabulary, left + right, TokenType::normal);
  }
  for (const char* special : {"<|begin|>", "<|end|>", "<|end|>x", "<|eot_id|>"})
    add(vocabulary, special, TokenType::control);
  add(vocabulary, "<tool>", TokenType::user_defined);
  vocabulary.bos = 256 + 9;
  vocabulary.eos = vocabulary.bos + 1;
  vocabulary.add_bos = vocabulary.add_eos = true;
  return vocabulary;
}

Vocabulary spm(bool space_prefix) {
  Vocabulary vocabulary;
  vocabulary.model = "llama";
  add(vocabulary, "<unk>", TokenType::unknown);
  add(vocabulary, "<s>", TokenType::control);
  add(vocabulary, "</s>", TokenType::control);
  for (int byte = 0; byte < 256; ++byte) {
    char token[8];
    std::snprintf(token, sizeof token, "<0x%02X>", static_cast<unsigned>(byte));
    add(vocabulary, token, TokenType::byte);
  }
  float score = 0;
  for (const std::string& token :
       {std::string(kSpace), std::string("a"), std::string("b"), std::string("e"), std::string("h"), std::string("t"),
        std::string("th"), std::string("the"), kSpace + std::string("the"), kSpace + std::string(kSpace),
        std::string("aa"), std::string("aaaa"), std::string("\xc3\xa9"), std::string("ab")})
    add(vocabulary, token, TokenType::normal, score -= 1);
  add(vocabulary, "<tool>", TokenType::user_defined);
  vocabulary.unknown = 0;
  vocabulary.bos = 1;
  vocabulary.eos = 2;
  vocabulary.add_bos = true;
  vocabulary.add_space_prefix = space_prefix;
  return vocabulary;
}

const char* const kByteLevelJson =
    R"({"version":"1.0","added_tokens":[{"id":6,"content":"<|end|>","special":true},)"
    R"({"id":7,"content":"<tool>","special":false}],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel",)"
    R"("add_prefix_space":false,"use_regex":true},"post_processor":{"type":"TemplateProcessing","single":[)"
    R"({"SpecialToken":{"id":"<|end|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{}},)"
    R"("decoder":{"type":"ByteLevel"},"model":{"type":"BPE","unk_token":null,"byte_fallback":false,"ignore_merges":true,)"
    R"("vocab":{"a":0,"b":1,"ab":2,"\u0120":3,"\u0120a":4,"\u00c3":5},"merges":["a b",["\u0120","a"]]}})";

const char* const kSpmJson =
    R"({"added_tokens":[{"id":0,"content":"<unk>","special":true},{"id":1,"content":"<s>","special":true}],)"
    R"("normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"\u2581"},{"type":"Replace","pattern":)"
    R"({"String":" "},"content":"\u2581"}]},"pre_tokenizer":null,"model":{"type":"BPE","unk_token":"<unk>",)"
    R"("byte_fallback":true,"vocab":{"<unk>":0,"<s>":1,"<0x0A>":2,"\u2581":3,"a":4,"b":5,"ab":6,"\u2581a":7},)"
    R"("merges":["a b","\u2581 a"]}})";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("a seed lacks " + from);
  return text.replace(at, from.size(), to);
}

}  // namespace

std::vector<Vocabulary> whole_vocabularies() {
  return {byte_level("llama-bpe"), byte_level("gpt-2"), byte_level("default"), spm(true), spm(false)};
}

std::vector<Seed> tokenizer_seeds() {
  const std::vector<std::pair<std::string, std::string>> texts = {
      {"words", "the theatre's 12345 caf\xc3\xa9s, aaaaaaaa!\r\n\n  end"},
      {"specials", "<|begin|>the<|end|>x<|end|><tool><|eot_id|></s><unk>"},
      {"spaces", std::string(200, ' ')},
      {"line-ends", " \r\n \n\t\n "},
      {"one-letter", std::string(3000, 'a')},
      {"digits", std::string(100, '7')},
      {"bad-utf8", "a\xff\xfe \xc3( \xed\xa0\x80 \xf0\x9f\x98 the"},
      {"emoji", "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80 \xf0\x9f\x98\x80"},
      {"zero-bytes", std::string("a\0\0b", 4)},
      {"visible-spaces", std::string(kSpace) + kSpace + "the" + kSpace},
      {"byte-tokens-spelled", "<0x0A><0xFF>"},
      {"unicode-spaces", "a\xc2\xa0\xe2\x80\x83\xe3\x80\x80\xe1\xa0\x8e\xc2\x85z"},
      {"combining", "e\xcc\x81\xcc\x81\xcc\x81 \xe0\xa4\x95\xe0\xa5\x8d"},
      {"long-s", "it'\xc5\xbf 'S 'Ll"},
      {"empty", ""},
  };
  std::vector<Seed> seeds = {{"nothing", ""}};
  for (unsigned choice = 0; choice < 20; ++choice) {
    for (const auto& [name, text] : texts)
      seeds.push_back({name + "-" + std::to_string(choice), static_cast<char>(choice) + text});
  }
  return seeds;
}

std::vector<std::string> tokenizer_words() {
  return {"the", " the",     "<|begin|>",    "<|end|>",          "<|end|>x", "<tool>", "</s>",         "\r\n",   "'s",
          "'LL", "\xc2\xa0", "\xe2\x96\x81", "\xf0\x9f\x98\x80", "\xcc\x81", "\xff",   "\xed\xa0\x80", "<0x0A>", "123"};
}

std::vector<Seed> tokenizer_json_seeds() {
  const std::string whole = kByteLevelJson;
  const std::string spm_whole = kSpmJson;
  std::vector<Seed> seeds = {
      {"byte-level", whole},
      {"spm", spm_whole},
      {"llama-3-pattern",
       replaced(
           whole, R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":true})",
           R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":)"
           R"("'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated",)"
           R"("invert":false},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]})")},
      {"empty", ""},
      {"empty-object", "{}"},
      {"array", "[]"},
      {"vocab-empty",
       replaced(spm_whole, R"({"<unk>":0,"<s>":1,"<0x0A>":2,"\u2581":3,"a":4,"b":5,"ab":6,"\u2581a":7})", "{}")},
      {"id-huge", replaced(whole, R"("a":0)", R"("a":16777215)")},
      {"id-too-large", replaced(whole, R"("a":0)", R"("a":9223372036854775807)")},
      {"id-negative", replaced(whole, R"("a":0)", R"("a":-1)")},
      {"id-twice", replaced(whole, R"("a":0)", R"("a":1)")},
      {"id-fraction", replaced(whole, R"("a":0)", R"("a":0.5)")},
      {"added-id-huge", replaced(whole, R"("id":6)", R"("id":2147483647)")},
      {"merge-of-one", replaced(whole, R"("a b")", R"("ab")")},
      {"merge-of-three", replaced(whole, R"(["\u0120","a"])", R"(["a","b","a"])")},
      {"merge-of-unknown", replaced(whole, R"("a b")", R"("a z")")},
      {"merge-of-spaces", replaced(whole, R"("a b")", R"("  ")")},
      {"merge-number", replaced(whole, R"("a b")", "1")},
      {"model-other", replaced(whole, R"("type":"BPE")", R"("type":"Unigram")")},
      {"token-not-in-alphabet", replaced(whole, R"("\u00c3":5)", R"("\u4e00":5)")},
      {"token-empty", replaced(whole, R"("\u00c3":5)", R"("":5)")},
      {"token-with-escape-codes", replaced(whole, R"("a":0)", R"("\u001b[2J\n":-5)")},
      {"template-unknown-token", replaced(whole, R"({"id":"<|end|>","type_id":0})", R"({"id":"none","type_id":0})")},
      {"byte-token-bad", replaced(spm_whole, "<0x0A>", "<0xZZ>")},
      {"byte-token-twice", replaced(spm_whole, R"("<0x0A>":2)", R"("<0x0A>":2,"<0x0a>":8)")},
      {"cut", whole.substr(0, whole.size() / 2)},
      {"with-configs",
       whole + kPartSeparator +
           R"({"bos_token":"<|end|>","eos_token":{"content":"<|end|>"},"pad_token":null,"unk_token":"a",)"
           R"("add_bos_token":true,"tokenizer_class":"LlamaTokenizerFast","chat_template":[)"
           R"({"name":"default","template":"{{ messages }}"}]})" +
           kPartSeparator + R"({"bos_token_id":6,"eos_token_id":[6,7,1],"pad_token_id":0})"},
      {"config-unknown-token", whole + kPartSeparator + R"({"bos_token":"none"})"},
      {"config-not-an-object", whole + kPartSeparator + "[]"},
      {"config-of-numbers", whole + kPartSeparator + R"({"bos_token":1,"add_bos_token":"x","chat_template":5})"},
      {"generation-id-outside", whole + kPartSeparator + "{}" + kPartSeparator + R"({"eos_token_id":8})"},
      {"generation-id-negative", whole + kPartSeparator + "{}" + kPartSeparator + R"({"eos_token_id":[-1]})"},
      {"generation-id-text", whole + kPartSeparator + "{}" + kPartSeparator + R"({"eos_token_id":"6"})"},
  };
  return seeds;
}

std::vector<std::string> tokenizer_json_words() {
  return {"\"vocab\":{", "\"merges\":[", "\"added_tokens\":[", "\"content\":\"",     "\"special\":true",
          "\"id\":",     "\"model\":{",  "\"normalizer\":",    "\"pre_tokenizer\":", "\"ByteLevel\"",
          "\"Split\"",   "\"Sequence\"", "\"Isolated\"",       "\"Prepend\"",        "\"Replace\"",
          "\\u2581",     "\\u0120",      "\"bos_token\":",     "\"eos_token_id\":[", "\x1e",
          "<0x41>"};
}

std::vector<Seed> tiktoken_seeds() {
  std::string long_token(4000, 'Y');
  long_token += " 0\n";
  return {
      {"sound", "YQ== 0\nYg== 1\nYWI= 2\nYWJhYg== 3\n"},
      {"no-newline-at-the-end", "YQ== 0"},
      {"carriage-returns", "YQ== 0\r\nYg== 1\r\n"},
      {"empty", ""},
      {"blank-lines", "\n\nYQ== 0\n\n"},
      {"rank-skipped", "YQ== 0\nYg== 2\n"},
      {"rank-missing", "YQ==\n"},
      {"rank-negative", "YQ== -1\n"},
      {"rank-huge", "YQ== 99999999999999999999999\n"},
      {"rank-with-rest", "YQ== 0x\n"},
      {"token-twice", "YQ== 0\nYQ== 1\n"},
      {"base64-cut", "YQ= 0\n"},
      {"base64-only-padding", "==== 0\n"},
      {"base64-three-paddings", "Y=== 0\n"},
      {"base64-padding-inside", "Y==Q 0\n"},
      {"base64-other-letters", "Y*== 0\n"},
      {"binary", std::string("\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02", 16)},
      {"long-token", long_token},
  };
}

std::vector<std::string> tiktoken_words() { return {"YQ== ", "Yg== ", "YWI= ", " 0\n", " 1\n", "==", "\r\n", "////"}; }

}  // namespace bh::fuzz
