// Made vocabularies for tests of the tokenizers.
#pragma once

#include <fmt/format.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/model/tokenizer.h"
#include "engine/model/unicode.h"

namespace bh::test {

/// Byte-level BPE: token b is byte b, then one token per merge, then <|begin_of_text|>, <|end_of_text|>, <|eot_id|>.
inline engine::Vocabulary byte_bpe(const std::vector<std::pair<std::string, std::string>>& merges,
                                   std::string pre = "llama-bpe") {
  engine::Vocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = std::move(pre);
  for (int byte = 0; byte < 256; ++byte)
    vocabulary.tokens.emplace_back(engine::alphabet_character(static_cast<unsigned char>(byte)));
  for (const auto& [left, right] : merges) {
    vocabulary.tokens.push_back(engine::to_byte_alphabet(left + right));
    vocabulary.merges.push_back(engine::to_byte_alphabet(left) + " " + engine::to_byte_alphabet(right));
  }
  vocabulary.types.assign(vocabulary.tokens.size(), engine::TokenType::normal);
  for (const char* text : {"<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"}) {
    vocabulary.tokens.emplace_back(text);
    vocabulary.types.push_back(engine::TokenType::control);
  }
  vocabulary.bos = static_cast<engine::TokenId>(vocabulary.tokens.size()) - 3;
  vocabulary.eos = vocabulary.bos + 1;
  vocabulary.add_bos = true;
  return vocabulary;
}

/// SPM: <unk> <s> </s>, 256 byte tokens (3 + byte), then the given pieces ('_' stands for U+2581), best score first.
inline engine::Vocabulary spm(const std::vector<std::string>& pieces, bool with_bytes = true) {
  engine::Vocabulary vocabulary;
  vocabulary.model = "llama";
  vocabulary.tokens = {"<unk>", "<s>", "</s>"};
  vocabulary.types = {engine::TokenType::unknown, engine::TokenType::control, engine::TokenType::control};
  for (int byte = 0; with_bytes && byte < 256; ++byte) {
    vocabulary.tokens.push_back(fmt::format("<0x{:02X}>", byte));
    vocabulary.types.push_back(engine::TokenType::byte);
  }
  vocabulary.scores.assign(vocabulary.tokens.size(), 0.0f);
  for (const std::string& piece : pieces) {
    std::string text;
    for (const char c : piece) text += c == '_' ? std::string(engine::kSpmSpace) : std::string(1, c);
    vocabulary.tokens.push_back(text);
    vocabulary.types.push_back(engine::TokenType::normal);
    vocabulary.scores.push_back(-static_cast<float>(vocabulary.scores.size()));
  }
  vocabulary.unknown = 0;
  vocabulary.bos = 1;
  vocabulary.eos = 2;
  vocabulary.add_bos = true;
  return vocabulary;
}

inline std::string random_bytes(std::mt19937& random, std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(random() & 0xFF);
  return bytes;
}

/// `size` characters of `alphabet`.
inline std::string random_text(std::mt19937& random, std::size_t size, const std::string& alphabet) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += alphabet[random() % alphabet.size()];
  return text;
}

inline std::string repeated(const std::string& unit, std::size_t size) {
  std::string text;
  while (text.size() < size) text += unit;
  return text;
}

}  // namespace bh::test
