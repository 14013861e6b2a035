// The files beside tokenizer.json: which token plays which part, and the chat template.
#include <algorithm>
#include <string>
#include <utility>

#include "engine/base/text_file.h"
#include "engine/model/hf_files.h"
#include "engine/model/vocabulary_hf.h"

namespace bh::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxChatTemplateBytes = std::size_t{1} << 20;

/// One of the files, and the vocabulary that it adds to.
class ConfigReader {
 public:
  ConfigReader(const fs::path& path, std::size_t max_bytes, LoadedVocabulary& loaded)
      : what_(path.string()),
        document_(read_json_file(what_, max_bytes)),
        vocabulary_(loaded.vocabulary),
        warnings_(loaded.warnings) {}

  void read_tokenizer_config(bool template_decides);
  void read_generation_config();

 private:
  const json::object& config() const { return object_of(document_, what_); }
  void set_by_text(std::string_view key, bool needed, TokenId& id);
  void set_by_id(std::string_view key, TokenId& id) const;
  void read_chat_template();
  TokenId checked_id(const json::value& value) const;
  void add_end_of_generation(TokenId id);

  std::string what_;
  json::value document_;
  Vocabulary& vocabulary_;
  std::vector<std::string>& warnings_;
};

void ConfigReader::read_tokenizer_config(bool template_decides) {
  set_by_text("bos_token", true, vocabulary_.bos);
  set_by_text("eos_token", true, vocabulary_.eos);
  set_by_text("pad_token", false, vocabulary_.padding);
  set_by_text("unk_token", false, vocabulary_.unknown);
  if (!template_decides) {
    // As transformers does: the Llama 2 class adds BOS unless told not to, any other only what the template says.
    const bool llama_class = present(config(), "tokenizer_class") != nullptr &&
                             get_string(config(), "tokenizer_class", what_).rfind("LlamaTokenizer", 0) == 0;
    vocabulary_.add_bos = flag(config(), "add_bos_token", llama_class, what_);
    vocabulary_.add_eos = flag(config(), "add_eos_token", false, what_);
  }
  read_chat_template();
}

/// A token is named by its text or by an object that holds it.
void ConfigReader::set_by_text(std::string_view key, bool needed, TokenId& id) {
  const json::value* value = present(config(), key);
  if (value == nullptr || id != kNoToken) return;
  const std::string text =
      value->is_object() ? get_string(value->get_object(), "content", what_) : get_string(config(), key, what_);
  const auto found = std::find(vocabulary_.tokens.begin(), vocabulary_.tokens.end(), text);
  if (found == vocabulary_.tokens.end()) {
    const std::string message =
        fmt::format("{}: \"{}\" is \"{}\", which is no token of tokenizer.json", what_, key, text);
    if (needed) throw Error(ErrorKind::setup, message);
    return warnings_.push_back(message);
  }
  id = static_cast<TokenId>(found - vocabulary_.tokens.begin());
}

/// A text, or a list of named ones.
void ConfigReader::read_chat_template() {
  const json::value* value = present(config(), "chat_template");
  if (value == nullptr) return;
  if (value->is_string()) vocabulary_.chat_template = text_of(value->get_string());
  const json::array* list = value->if_array();
  if (list == nullptr) return;
  for (const json::value& entry : *list) {
    const json::object& named = object_of(entry, what_);
    if (vocabulary_.chat_template.empty() || get_string(named, "name", what_) == "default")
      vocabulary_.chat_template = get_string(named, "template", what_);
  }
}

void ConfigReader::read_generation_config() {
  set_by_id("bos_token_id", vocabulary_.bos);
  set_by_id("pad_token_id", vocabulary_.padding);
  const json::value* eos = present(config(), "eos_token_id");
  if (eos == nullptr) return;
  if (!eos->is_array()) return add_end_of_generation(checked_id(*eos));
  for (const json::value& id : eos->get_array()) add_end_of_generation(checked_id(id));
}

void ConfigReader::set_by_id(std::string_view key, TokenId& id) const {
  const json::value* value = present(config(), key);
  if (value != nullptr && id == kNoToken) id = checked_id(*value);
}

TokenId ConfigReader::checked_id(const json::value& value) const {
  const std::int64_t id = value.is_int64() ? value.get_int64() : -1;
  if (id < 0 || static_cast<std::size_t>(id) >= vocabulary_.tokens.size())
    fail(ErrorKind::setup, "{}: {} is no id of a token of tokenizer.json", what_, write_json_line(value));
  return static_cast<TokenId>(id);
}

void ConfigReader::add_end_of_generation(TokenId id) {
  if (vocabulary_.eos == kNoToken || vocabulary_.eos == id) {
    vocabulary_.eos = id;
  } else if (vocabulary_.tokens[static_cast<std::size_t>(id)] == "<|eom_id|>") {
    vocabulary_.eom = id;
  } else if (vocabulary_.eot == kNoToken) {
    vocabulary_.eot = id;
  } else {
    vocabulary_.extra_eog.push_back(id);
  }
}

}  // namespace

void read_hf_configs(const fs::path& folder, bool template_decides, LoadedVocabulary& loaded) {
  const fs::path tokenizer_config = folder / "tokenizer_config.json";
  if (file_exists(tokenizer_config))
    ConfigReader(tokenizer_config, kMaxHfTokenizerConfigBytes, loaded).read_tokenizer_config(template_decides);
  const fs::path generation_config = folder / "generation_config.json";
  if (file_exists(generation_config))
    ConfigReader(generation_config, kMaxHfConfigBytes, loaded).read_generation_config();
  const fs::path chat_template = folder / "chat_template.jinja";
  if (loaded.vocabulary.chat_template.empty() && file_exists(chat_template))
    loaded.vocabulary.chat_template = read_text_file(chat_template, kMaxChatTemplateBytes);
}

}  // namespace bh::engine
