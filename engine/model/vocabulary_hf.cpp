// A vocabulary from a Hugging Face folder: its tokenizer.json (vocabulary_hf_config.cpp reads what stands beside it).
// Understood: byte-level BPE with a known pattern, and BPE with byte fallback, which is SPM.
// Anything that would change the ids in a way not understood is refused.
#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/text_file.h"
#include "engine/model/pre_tokenizer.h"
#include "engine/model/spm.h"
#include "engine/model/unicode.h"
#include "engine/model/vocabulary.h"
#include "engine/model/vocabulary_hf.h"

namespace bh::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxTokens = std::int64_t{1} << 22;  // ten times the largest known
/// Ids that no token has: each costs memory, so that one huge id in a short file must not bring millions.
constexpr std::int64_t kMaxGaps = 65536;

/// The steps of a normalizer, pre_tokenizer or post_processor: its own or, of a Sequence, those inside.
std::vector<const json::object*> steps_of(const json::object& root, std::string_view part, std::string_view list,
                                          std::string_view what) {
  const json::value* value = present(root, part);
  if (value == nullptr) return {};
  const json::object& object = object_of(*value, fmt::format("{}: {}", what, part));
  if (get_string(object, "type", what) != "Sequence") return {&object};
  const json::value* inner = find(object, list);
  if (inner == nullptr || !inner->is_array())
    fail(ErrorKind::setup, "{}: the sequence \"{}\" has no list \"{}\"", what, part, list);
  std::vector<const json::object*> steps;
  for (const json::value& step : inner->get_array()) steps.push_back(&object_of(step, what));
  return steps;
}

/// One reading of a folder.
class HfReader {
 public:
  HfReader(const fs::path& folder, std::string_view pre_override)
      : folder_(folder),
        what_((folder / "tokenizer.json").string()),
        pre_override_(pre_override),
        document_(read_json_file(what_)),
        root_(object_of(document_, what_)),
        model_(model_of(root_, what_)) {}

  LoadedVocabulary read();

 private:
  static const json::object& model_of(const json::object& root, std::string_view what);

  void check_model() const;
  void read_tokens();
  void place(std::string_view text, std::int64_t id);
  void read_added_tokens();
  void read_added_token(const json::object& token);
  void read_merges();
  std::string merge_of(const json::value& merge) const;
  void read_normalizer();
  void read_pre_tokenizer();
  std::string pre_of(const std::vector<const json::object*>& steps) const;
  bool is_spm() const;
  void make_spm();
  void read_post_processor();
  void read_template(const json::object& processor);
  TokenId id_of(std::string_view text, std::string_view where) const;

  Vocabulary& vocabulary() noexcept { return loaded_.vocabulary; }
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorKind::setup, "{}: {}", what_, fmt::format(format, std::forward<Args>(args)...));
  }

  fs::path folder_;
  std::string what_;
  std::string pre_override_;
  json::value document_;
  const json::object& root_;
  const json::object& model_;
  LoadedVocabulary loaded_;
  std::unordered_map<std::string, TokenId> ids_;
  std::int64_t max_id_ = 0;
  bool spaces_visible_ = false;  ///< a normalizer turns spaces into U+2581
  bool space_prefixed_ = false;
  bool template_decides_ = false;
};

const json::object& HfReader::model_of(const json::object& root, std::string_view what) {
  const json::value* model = find(root, "model");
  if (model == nullptr) fail(ErrorKind::setup, "{}: there is no \"model\"; is this a tokenizer.json?", what);
  return object_of(*model, what);
}

LoadedVocabulary HfReader::read() {
  check_model();
  read_tokens();
  read_added_tokens();
  read_merges();
  read_normalizer();
  read_pre_tokenizer();
  read_post_processor();
  read_hf_configs(folder_, template_decides_, loaded_);
  return std::move(loaded_);
}

void HfReader::check_model() const {
  const json::value* type = present(model_, "type");
  const bool looks_like_bpe = type == nullptr && find(model_, "merges") != nullptr;
  if (!looks_like_bpe && !equals(type, "BPE"))
    refuse("the tokenizer model {} is not supported (supported: BPE); convert it to GGUF with llama.cpp's tools",
           type == nullptr ? "without a type" : write_json_line(*type));
  for (const std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const json::value* value = present(model_, key);
    if (value != nullptr && !equals(value, "")) refuse("\"{}\" of the BPE model is not supported", key);
  }
}

void HfReader::place(std::string_view text, std::int64_t id) {
  if (id < 0 || id >= max_id_) refuse("token \"{}\" has the id {}, which is out of range", text, id);
  const auto index = static_cast<std::size_t>(id);
  if (index >= vocabulary().tokens.size()) {
    vocabulary().tokens.resize(index + 1);
    vocabulary().types.resize(index + 1, TokenType::unused);
  }
  std::string& place = vocabulary().tokens[index];
  if (vocabulary().types[index] != TokenType::unused && place != text)
    refuse("tokens \"{}\" and \"{}\" have the same id {}", place, text, id);
  place = text;
  vocabulary().types[index] = TokenType::normal;
  ids_[place] = static_cast<TokenId>(id);
}

void HfReader::read_tokens() {
  const json::value* tokens = find(model_, "vocab");
  if (tokens == nullptr || !tokens->is_object()) refuse("the model has no \"vocab\"");
  const json::value* added = find(root_, "added_tokens");
  const std::size_t named =
      tokens->get_object().size() + (added != nullptr && added->is_array() ? added->get_array().size() : 0);
  max_id_ = std::min(kMaxTokens, static_cast<std::int64_t>(named) + kMaxGaps);
  for (const auto& member : tokens->get_object()) {
    const std::string_view text(member.key().data(), member.key().size());
    if (!member.value().is_int64()) refuse("the id of token \"{}\" is no integer", text);
    place(text, member.value().get_int64());
  }
}

void HfReader::read_added_tokens() {
  if (const json::value* added = present(root_, "added_tokens")) {
    if (!added->is_array()) refuse("\"added_tokens\" is no list");
    for (const json::value& token : added->get_array()) read_added_token(object_of(token, what_));
  }
  for (std::size_t id = 0; id < vocabulary().tokens.size(); ++id) {
    std::string& text = vocabulary().tokens[id];
    if (vocabulary().types[id] == TokenType::unused && text.empty()) text = fmt::format("[unused{}]", id);
  }
  if (const json::value* unknown = present(model_, "unk_token")) {
    if (!unknown->is_string()) refuse("\"unk_token\" is no text");
    vocabulary().unknown = id_of(text_of(unknown->get_string()), "unk_token");
  }
}

void HfReader::read_added_token(const json::object& token) {
  const std::string text = get_string(token, "content", what_);
  for (const std::string_view key : {"single_word", "lstrip", "rstrip"}) {
    if (flag(token, key, false, what_)) refuse("\"{}\" of the added token \"{}\" is not supported", key, text);
  }
  const std::int64_t id = get_int(token, "id", what_);
  place(text, id);
  const bool special = flag(token, "special", false, what_);
  vocabulary().types[static_cast<std::size_t>(id)] = special ? TokenType::control : TokenType::user_defined;
}

/// Both spellings: "left right" and ["left", "right"].
std::string HfReader::merge_of(const json::value& merge) const {
  if (merge.is_string()) return std::string(text_of(merge.get_string()));
  const json::array* pair = merge.if_array();
  if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string())
    refuse("the merge {} is neither \"left right\" nor [\"left\", \"right\"]", write_json_line(merge));
  return fmt::format("{} {}", text_of((*pair)[0].get_string()), text_of((*pair)[1].get_string()));
}

void HfReader::read_merges() {
  const json::value* merges = find(model_, "merges");
  if (merges == nullptr || !merges->is_array()) refuse("the model has no list \"merges\"");
  vocabulary().merges.reserve(merges->get_array().size());
  for (const json::value& merge : merges->get_array()) vocabulary().merges.push_back(merge_of(merge));
}

void HfReader::read_normalizer() {
  for (const json::object* step : steps_of(root_, "normalizer", "normalizers", what_)) {
    const std::string type = get_string(*step, "type", what_);
    const json::value* pattern = present(*step, "pattern");
    if (type == "Prepend" && equals(find(*step, "prepend"), kSpmSpace)) {
      space_prefixed_ = true;
    } else if (type == "Replace" && equals(find(*step, "content"), kSpmSpace) && pattern != nullptr &&
               pattern->is_object() && equals(find(pattern->get_object(), "String"), " ")) {
      spaces_visible_ = true;
    } else {
      refuse("the normalizer \"{}\" is not supported (supported: none, or spaces to U+2581 as Llama 2 does)", type);
    }
  }
}

bool HfReader::is_spm() const { return spaces_visible_ && present(root_, "pre_tokenizer") == nullptr; }

void HfReader::read_pre_tokenizer() {
  if (is_spm()) return make_spm();
  if (spaces_visible_ || space_prefixed_)
    refuse("a normalizer that marks spaces together with a pre-tokenizer is not supported");
  vocabulary().model = "gpt2";
  vocabulary().pre =
      pre_override_.empty() ? pre_of(steps_of(root_, "pre_tokenizer", "pretokenizers", what_)) : pre_override_;
  vocabulary().ignore_merges = flag(model_, "ignore_merges", false, what_);
}

/// Known: ByteLevel with its own pattern (GPT-2), and Split with a known pattern before a ByteLevel without.
std::string HfReader::pre_of(const std::vector<const json::object*>& steps) const {
  const auto type = [&](std::size_t i) { return get_string(*steps[i], "type", what_); };
  constexpr std::string_view kHint =
      "override the pre-tokenizer (for example with llama-bpe) if you know which rules the model was trained with";
  std::string types;
  for (std::size_t i = 0; i < steps.size(); ++i) types += (i == 0 ? "" : " + ") + type(i);
  const bool byte_level_last = !steps.empty() && type(steps.size() - 1) == "ByteLevel";
  if (!byte_level_last || steps.size() > 2 || (steps.size() == 2 && type(0) != "Split"))
    refuse("the pre-tokenizer {} is not supported (supported: ByteLevel, Split + ByteLevel); {}",
           types.empty() ? "(none)" : types, kHint);
  const json::object& byte_level = *steps.back();
  if (flag(byte_level, "add_prefix_space", true, what_))
    refuse("\"add_prefix_space\" of the ByteLevel pre-tokenizer is not supported");
  const bool own_pattern = flag(byte_level, "use_regex", true, what_);
  if (steps.size() == 1) {
    if (!own_pattern) refuse("a ByteLevel pre-tokenizer without any pattern is not supported; {}", kHint);
    return "gpt-2";
  }
  const json::value* pattern = find(*steps[0], "pattern");
  const json::value* regex =
      pattern != nullptr && pattern->is_object() ? find(pattern->get_object(), "Regex") : nullptr;
  if (own_pattern || !equals(find(*steps[0], "behavior"), "Isolated") || flag(*steps[0], "invert", false, what_) ||
      regex == nullptr || !regex->is_string())
    refuse("a Split pre-tokenizer is supported only with a regex, isolated, before a ByteLevel without a pattern; {}",
           kHint);
  const PreTokenizerInfo* info = recognise_pre_tokenizer(text_of(regex->get_string()));
  if (info == nullptr)
    refuse("the pattern \"{}\" of the pre-tokenizer is not known; {}", text_of(regex->get_string()), kHint);
  return std::string(info->name);
}

// SPM merges by the score of the result, this file by the rank of the pair: the best rank of a token's pairs orders its
// results alike. A token that no merge makes must not come about by merging.
void HfReader::make_spm() {
  Vocabulary& spm = vocabulary();
  if (!flag(model_, "byte_fallback", false, what_))
    refuse("a BPE model over U+2581 without byte_fallback is not supported");
  if (!pre_override_.empty())
    loaded_.warnings.push_back(
        fmt::format("the pre-tokenizer \"{}\" was asked for, but an SPM vocabulary has none: not used", pre_override_));
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  spm.model = "llama";
  spm.pre = "default";
  spm.add_space_prefix = space_prefixed_;
  for (std::size_t id = 0; id < spm.tokens.size(); ++id) {
    const std::string& token = spm.tokens[id];
    if (spm.types[id] == TokenType::normal && SpmModel::byte_of(token) >= 0) spm.types[id] = TokenType::byte;
    const bool one_character = !token.empty() && next_utf8(token).length == token.size();
    spm.scores.push_back(spm.types[id] == TokenType::normal && !one_character ? kNever : 0.0f);
  }
  if (spm.unknown != kNoToken) spm.types[static_cast<std::size_t>(spm.unknown)] = TokenType::unknown;
  for (std::size_t rank = 0; rank < spm.merges.size(); ++rank) {
    std::string text = spm.merges[rank];
    const std::size_t space = text.find(' ');
    if (space == std::string::npos) refuse("merge {}, \"{}\", is not two pieces with a space between", rank, text);
    text.erase(space, 1);
    const auto token = ids_.find(text);
    if (token == ids_.end()) refuse("merge {} makes \"{}\", which is no token", rank, text);
    float& score = spm.scores[static_cast<std::size_t>(token->second)];
    if (score == kNever) score = -static_cast<float>(rank + 1);
  }
  spm.merges.clear();
}

void HfReader::read_post_processor() {
  for (const json::object* step : steps_of(root_, "post_processor", "processors", what_)) {
    const std::string type = get_string(*step, "type", what_);
    if (type == "TemplateProcessing") {
      read_template(*step);
    } else if (type != "ByteLevel") {
      refuse("the post-processor \"{}\" is not supported (supported: TemplateProcessing, ByteLevel)", type);
    }
  }
}

void HfReader::read_template(const json::object& processor) {
  template_decides_ = true;
  const json::value* single = find(processor, "single");
  if (single == nullptr || !single->is_array()) refuse("the post-processor's template has no list \"single\"");
  bool text_seen = false;
  for (const json::value& part : single->get_array()) {
    const json::object& object = object_of(part, what_);
    const json::value* special = find(object, "SpecialToken");
    if (special == nullptr) {
      text_seen = true;
      continue;
    }
    const TokenId id = id_of(get_string(object_of(*special, what_), "id", what_), "the post-processor");
    bool& add = text_seen ? vocabulary().add_eos : vocabulary().add_bos;
    if (add) refuse("a post-processor that adds several tokens on one side is not supported");
    add = true;
    (text_seen ? vocabulary().eos : vocabulary().bos) = id;
  }
}

TokenId HfReader::id_of(std::string_view text, std::string_view where) const {
  const auto found = ids_.find(std::string(text));
  if (found == ids_.end()) refuse("{} names \"{}\", which is no token", where, text);
  return found->second;
}

}  // namespace

LoadedVocabulary read_hf_vocabulary(const fs::path& folder, std::string_view pre_override) {
  const fs::path path = folder / "tokenizer.json";
  if (!file_exists(path))
    fail(ErrorKind::setup, "there is no tokenizer.json in {}; download it beside the weights", folder.string());
  return HfReader(folder, pre_override).read();
}

}  // namespace bh::engine
