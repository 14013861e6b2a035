#include "engine/model/tokenizer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "engine/base/error.h"
#include "engine/model/bpe.h"
#include "engine/model/pre_tokenizer.h"
#include "engine/model/special_tokens.h"
#include "engine/model/spm.h"
#include "engine/model/unicode.h"
#include "engine/model/vocabulary.h"

namespace bh::engine {
namespace {

// Names of the token that ends a turn, best first, for files without the key: the official BitNet file is one.
constexpr std::array<std::string_view, 6> kEndOfTurnTexts = {"<|eot_id|>",    "<|im_end|>",    "<|end|>",
                                                             "<end_of_turn>", "<|endoftext|>", "<EOT>"};
constexpr std::array<std::string_view, 1> kEndOfMessageTexts = {"<|eom_id|>"};

TokenId find_text(const Vocabulary& vocabulary, std::span<const std::string_view> texts) {
  for (const std::string_view text : texts) {
    const auto found = std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), text);
    if (found != vocabulary.tokens.end()) return static_cast<TokenId>(found - vocabulary.tokens.begin());
  }
  return kNoToken;
}

void check_sizes(Vocabulary& vocabulary) {
  const std::size_t size = vocabulary.tokens.size();
  if (size == 0) fail(ErrorKind::setup, "the vocabulary has no tokens");
  if (size > static_cast<std::size_t>(std::numeric_limits<TokenId>::max()))
    fail(ErrorKind::setup, "the vocabulary has {} tokens, more than token ids", size);
  if (vocabulary.types.empty()) vocabulary.types.assign(size, TokenType::normal);
  if (vocabulary.types.size() != size)
    fail(ErrorKind::setup, "the vocabulary has {} tokens but {} token types; the file is damaged", size,
         vocabulary.types.size());
  const bool needs_scores = vocabulary.model == "llama";
  if (vocabulary.scores.size() != size && (needs_scores || !vocabulary.scores.empty()))
    fail(ErrorKind::setup, "the vocabulary has {} tokens but {} scores; the file is damaged", size,
         vocabulary.scores.size());
}

void check_ids(const Vocabulary& vocabulary) {
  const auto check = [&](std::string_view what, TokenId id) {
    if (id != kNoToken && (id < 0 || static_cast<std::size_t>(id) >= vocabulary.tokens.size()))
      fail(ErrorKind::setup, "the {} token is {}, but the vocabulary has {} tokens", what, id,
           vocabulary.tokens.size());
  };
  check("bos", vocabulary.bos);
  check("eos", vocabulary.eos);
  check("eot", vocabulary.eot);
  check("eom", vocabulary.eom);
  check("unknown", vocabulary.unknown);
  check("padding", vocabulary.padding);
  for (const TokenId id : vocabulary.extra_eog) check("end-of-generation", id);
}

std::string with_spaces(std::string_view text) {
  std::string spaced;
  for (std::size_t at = 0; at < text.size();) {
    if (text.substr(at, kSpmSpace.size()) == kSpmSpace) {
      spaced += ' ';
      at += kSpmSpace.size();
    } else {
      spaced += text[at++];
    }
  }
  return spaced;
}

bool is_control(TokenType type) noexcept { return type == TokenType::control || type == TokenType::unknown; }

/// The bytes that a token prints as.
std::string printed_bytes(const Vocabulary& vocabulary, std::size_t id) {
  const std::string& text = vocabulary.tokens[id];
  const TokenType type = vocabulary.types[id];
  if (is_control(type) || type == TokenType::user_defined) return text;
  if (vocabulary.model == "llama") {
    if (type == TokenType::byte) return std::string(1, static_cast<char>(SpmModel::byte_of(text)));
    return with_spaces(text);
  }
  return from_byte_alphabet(text).value_or(text);
}

}  // namespace

struct Tokenizer::State {
  Vocabulary vocabulary;
  std::vector<std::string> warnings;
  std::vector<TokenId> end_of_generation;
  std::vector<std::string> printed;    ///< by id
  std::vector<std::string> mergeable;  ///< BPE: bytes by id, empty for tokens that only stand for themselves
  bool ignore_merges = false;          ///< BPE
  SpecialTokens specials;
  std::optional<PreTokenizer> pre_tokenizer;  ///< BPE
  std::optional<BpeModel> bpe;
  std::optional<SpmModel> spm;

  explicit State(Vocabulary source) : vocabulary(std::move(source)) {}

  void build();
  void build_bpe();
  void find_end_of_generation();
  void encode_text(std::string_view text, bool after_special, std::vector<TokenId>& out) const;
};

void Tokenizer::State::build() {
  const bool is_spm = vocabulary.model == "llama";
  if (!is_spm && vocabulary.model != "gpt2")
    fail(ErrorKind::setup, "the tokenizer model \"{}\" is not supported (supported: gpt2, llama)", vocabulary.model);
  check_sizes(vocabulary);
  check_ids(vocabulary);
  find_end_of_generation();
  if (is_spm) spm.emplace(vocabulary);  // before `printed`: it checks the byte tokens
  printed.reserve(vocabulary.tokens.size());
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) printed.push_back(printed_bytes(vocabulary, id));
  if (!is_spm) build_bpe();
  specials = SpecialTokens(vocabulary);
  if (vocabulary.add_bos && vocabulary.bos == kNoToken)
    warnings.emplace_back("the vocabulary asks for a BOS token in front but names none: none is added");
  if (end_of_generation.empty())
    warnings.emplace_back("the vocabulary names no token that ends a generation: it ends at the token limit only");
}

void Tokenizer::State::build_bpe() {
  if (vocabulary.pre.empty())
    warnings.emplace_back(
        "the vocabulary names no pre-tokenizer (tokenizer.ggml.pre): \"default\" is used, as llama.cpp does, which "
        "cuts "
        "some text differently from how Llama 3 models were trained; override it with \"llama-bpe\" for those");
  const PreTokenizerInfo& info = find_pre_tokenizer(vocabulary.pre.empty() ? "default" : vocabulary.pre);
  mergeable.resize(vocabulary.tokens.size());
  for (std::size_t id = 0; id < mergeable.size(); ++id) {
    if (is_control(vocabulary.types[id])) continue;  // text never turns into a control token by merging
    mergeable[id] = from_byte_alphabet(vocabulary.tokens[id]).value_or("");
  }
  pre_tokenizer.emplace(info);
  ignore_merges = vocabulary.ignore_merges.value_or(info.ignore_merges);
  bpe.emplace(mergeable, vocabulary.merges, ignore_merges);
}

void Tokenizer::State::find_end_of_generation() {
  const auto add = [&](TokenId id) {
    const bool known = std::find(end_of_generation.begin(), end_of_generation.end(), id) != end_of_generation.end();
    if (id != kNoToken && !known) end_of_generation.push_back(id);
  };
  // A token found by its name is what the reference takes it for, whatever type a converter gave it.
  const auto add_found = [&](TokenId id) {
    if (id == kNoToken) return;
    TokenType& type = vocabulary.types[static_cast<std::size_t>(id)];
    if (!is_control(type)) {
      warnings.push_back(
          fmt::format("token {} (\"{}\") ends a turn but is not marked as a control token: treated as one", id,
                      vocabulary.tokens[static_cast<std::size_t>(id)]));
      type = TokenType::control;
    }
    add(id);
  };
  add(vocabulary.eos);
  add(vocabulary.eot);
  add(vocabulary.eom);
  for (const TokenId id : vocabulary.extra_eog) add(id);
  if (vocabulary.eot == kNoToken) add_found(find_text(vocabulary, kEndOfTurnTexts));
  if (vocabulary.eom == kNoToken) add_found(find_text(vocabulary, kEndOfMessageTexts));
}

void Tokenizer::State::encode_text(std::string_view text, bool after_special, std::vector<TokenId>& out) const {
  if (bpe) {
    for (const std::string_view piece : pre_tokenizer->split(text)) bpe->encode(piece, out);
  } else if (vocabulary.add_space_prefix && after_special) {
    spm->encode(" " + std::string(text), out);
  } else {
    spm->encode(text, out);
  }
}

Tokenizer::Tokenizer() : state_(std::make_shared<const State>(Vocabulary{})) {}

Tokenizer::Tokenizer(Vocabulary vocabulary) {
  auto state = std::make_shared<State>(std::move(vocabulary));
  state->build();
  state_ = std::move(state);
}

Tokenizer::Tokenizer(LoadedVocabulary loaded) {
  auto state = std::make_shared<State>(std::move(loaded.vocabulary));
  state->warnings = std::move(loaded.warnings);
  state->build();
  state_ = std::move(state);
}

Tokenizer Tokenizer::from_gguf(const GgufFile& file, std::string_view pre_override) {
  return Tokenizer(read_gguf_vocabulary(file, pre_override));
}

Tokenizer Tokenizer::from_hf_folder(const std::filesystem::path& folder, std::string_view pre_override) {
  return Tokenizer(read_hf_vocabulary(folder, pre_override));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  const Vocabulary& vocabulary = state_->vocabulary;
  if (vocabulary.tokens.empty()) fail(ErrorKind::internal, "an empty tokenizer was asked to encode a text");
  std::vector<TokenId> ids;
  if (options.add_special && vocabulary.add_bos && vocabulary.bos != kNoToken) ids.push_back(vocabulary.bos);
  bool after_special = true;  // the start counts as such
  for (const TextFragment& fragment : state_->specials.split(text, options.parse_special)) {
    if (fragment.token != kNoToken) {
      ids.push_back(fragment.token);
    } else {
      state_->encode_text(fragment.text, after_special, ids);
    }
    after_special = fragment.token != kNoToken;
  }
  if (options.add_special && vocabulary.add_eos && vocabulary.eos != kNoToken) ids.push_back(vocabulary.eos);
  return ids;
}

std::string Tokenizer::piece(TokenId id, bool special) const {
  if (id < 0 || id >= size())
    fail(ErrorKind::usage, "token {} was asked for, but the vocabulary has {} tokens", id, size());
  const auto index = static_cast<std::size_t>(id);
  const TokenType type = state_->vocabulary.types[index];
  if (type == TokenType::unused || (is_control(type) && !special)) return {};
  return state_->printed[index];
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool special) const {
  std::string text;
  bool strip_space = state_->spm.has_value() && state_->vocabulary.add_space_prefix;
  for (const TokenId id : ids) {
    const std::string bytes = piece(id, special);
    if (bytes.empty()) continue;
    // Only the space that encode() put there: a byte or control token in front means that there is none.
    const bool prefixed = strip_space && state_->vocabulary.types[static_cast<std::size_t>(id)] == TokenType::normal &&
                          bytes.front() == ' ';
    text += prefixed ? bytes.substr(1) : bytes;
    strip_space = false;
  }
  return text;
}

bool Tokenizer::is_eog(TokenId id) const noexcept {
  const std::vector<TokenId>& ids = state_->end_of_generation;
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

bool Tokenizer::ignores_merges() const noexcept { return state_->ignore_merges; }

std::int32_t Tokenizer::size() const noexcept { return static_cast<std::int32_t>(state_->vocabulary.tokens.size()); }

const Vocabulary& Tokenizer::vocabulary() const noexcept { return state_->vocabulary; }

std::span<const std::string> Tokenizer::warnings() const noexcept { return state_->warnings; }

}  // namespace bh::engine
