#include "engine/model/vocabulary_hf_writer.h"

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/model/pre_tokenizer.h"

namespace bh::engine {
namespace {

constexpr std::string_view kLlamaPattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
    "\\s+(?!\\S)|\\s+";

const PreTokenizerInfo& pre_tokenizer_of(const Vocabulary& vocabulary) {
  if (vocabulary.model != "gpt2")
    fail(ErrorKind::usage,
         "a vocabulary of the kind \"{}\" can only be written to GGUF; tokenizer.json gets byte-level "
         "BPE",
         vocabulary.model);
  const PreTokenizerInfo& info = find_pre_tokenizer(vocabulary.pre.empty() ? "llama-bpe" : vocabulary.pre);
  if (info.name != "llama-bpe" && info.name != "gpt-2")
    fail(ErrorKind::usage, "the pre-tokenizer \"{}\" has no spelling in tokenizer.json; llama-bpe and gpt-2 have",
         info.name);
  return info;
}

bool is_added(TokenType type) {
  return type == TokenType::control || type == TokenType::user_defined || type == TokenType::unknown;
}

json::array added_tokens(const Vocabulary& vocabulary) {
  json::array list;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (!is_added(vocabulary.types[id])) continue;
    list.push_back(json::object{{"id", id},
                                {"content", vocabulary.tokens[id]},
                                {"single_word", false},
                                {"lstrip", false},
                                {"rstrip", false},
                                {"normalized", false},
                                {"special", vocabulary.types[id] != TokenType::user_defined}});
  }
  return list;
}

json::object byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

json::object pre_tokenizer(const PreTokenizerInfo& info) {
  if (info.name == "gpt-2") return byte_level(true);
  const json::object split = {{"type", "Split"},
                              {"pattern", json::object{{"Regex", kLlamaPattern}}},
                              {"behavior", "Isolated"},
                              {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", json::array{split, byte_level(false)}}};
}

std::string text_of(const Vocabulary& vocabulary, TokenId id) {
  return vocabulary.tokens[static_cast<std::size_t>(id)];
}

/// Where BOS and EOS go around a text.
json::object post_processor(const Vocabulary& vocabulary) {
  json::array single;
  json::object specials;
  const auto add = [&](TokenId id) {
    const std::string text = text_of(vocabulary, id);
    single.push_back(json::object{{"SpecialToken", json::object{{"id", text}, {"type_id", 0}}}});
    specials[text] = json::object{{"id", text}, {"ids", json::array{id}}, {"tokens", json::array{json::string(text)}}};
  };
  if (vocabulary.add_bos && vocabulary.bos != kNoToken) add(vocabulary.bos);
  single.push_back(json::object{{"Sequence", json::object{{"id", "A"}, {"type_id", 0}}}});
  if (vocabulary.add_eos && vocabulary.eos != kNoToken) add(vocabulary.eos);
  json::array pair = single;
  pair.push_back(json::object{{"Sequence", json::object{{"id", "B"}, {"type_id", 1}}}});
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", specials}};
}

json::object bpe_model(const Vocabulary& vocabulary, bool ignore_merges) {
  json::object tokens;
  tokens.reserve(vocabulary.tokens.size());
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
    if (!is_added(vocabulary.types[id])) tokens.emplace(vocabulary.tokens[id], id);
  json::array merges(vocabulary.merges.begin(), vocabulary.merges.end());
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", ignore_merges},
          {"vocab", std::move(tokens)},
          {"merges", std::move(merges)}};
}

json::object tokenizer_config(const Vocabulary& vocabulary) {
  json::object config = {{"tokenizer_class", "PreTrainedTokenizerFast"}};
  const std::pair<const char*, TokenId> tokens[] = {{"bos_token", vocabulary.bos},
                                                    {"eos_token", vocabulary.eos},
                                                    {"pad_token", vocabulary.padding},
                                                    {"unk_token", vocabulary.unknown}};
  for (const auto& [name, id] : tokens)
    if (id != kNoToken) config[name] = text_of(vocabulary, id);
  if (!vocabulary.chat_template.empty()) config["chat_template"] = vocabulary.chat_template;
  return config;
}

json::object generation_config(const Vocabulary& vocabulary) {
  json::object config;
  if (vocabulary.bos != kNoToken) config["bos_token_id"] = vocabulary.bos;
  const Tokenizer tokenizer(vocabulary);
  json::array ends;
  for (TokenId id = 0; id < tokenizer.size(); ++id)
    if (tokenizer.is_eog(id)) ends.push_back(id);
  if (!ends.empty()) config["eos_token_id"] = ends;
  if (vocabulary.padding != kNoToken) config["pad_token_id"] = vocabulary.padding;
  return config;
}

}  // namespace

void write_hf_vocabulary(const Vocabulary& vocabulary, const std::filesystem::path& folder) {
  const PreTokenizerInfo& info = pre_tokenizer_of(vocabulary);
  const json::object document = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added_tokens(vocabulary)},
      {"normalizer", nullptr},
      {"pre_tokenizer", pre_tokenizer(info)},
      {"post_processor", post_processor(vocabulary)},
      {"decoder",
       json::object{{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
      {"model", bpe_model(vocabulary, vocabulary.ignore_merges.value_or(info.ignore_merges))}};
  write_json_file((folder / "tokenizer.json").string(), document);
  write_json_file((folder / "tokenizer_config.json").string(), tokenizer_config(vocabulary));
  write_json_file((folder / "generation_config.json").string(), generation_config(vocabulary));
}

}  // namespace bh::engine
