// Text to token ids and back: byte-level BPE (GPT-2 style) and SPM, from GGUF keys or a tokenizer.json.
// Never fails on bad UTF-8: classification sees U+FFFD, the bytes survive. Algorithms after llama.cpp and Hugging Face.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bh::engine {

using TokenId = std::int32_t;
inline constexpr TokenId kNoToken = -1;

class GgufFile;
struct LoadedVocabulary;

/// Values as in tokenizer.ggml.token_type.
enum class TokenType : std::int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

/// Everything a tokenizer is made of; what GGUF keys and tokenizer.json are both read into, and what synth writes.
struct Vocabulary {
  std::string model;  ///< "gpt2" (byte-level BPE) or "llama" (SPM)
  std::string pre;    ///< "llama-bpe", "gpt-2", "default"; empty = the source names none (treated as default)
  std::vector<std::string> tokens;  ///< GPT-2 byte alphabet for BPE, U+2581 for spaces in SPM
  std::vector<float> scores;        ///< SPM; may be empty for BPE
  std::vector<TokenType> types;
  std::vector<std::string> merges;  ///< BPE: "left right"
  TokenId bos = kNoToken, eos = kNoToken, eot = kNoToken, eom = kNoToken, unknown = kNoToken, padding = kNoToken;
  bool add_bos = false;
  bool add_eos = false;
  bool add_space_prefix = true;  ///< SPM
  /// BPE: a pre-token that is a token is emitted whole; empty = as `pre` implies. GGUF has no key for it.
  std::optional<bool> ignore_merges;
  std::vector<TokenId> extra_eog;  ///< tokens besides eos, eot and eom that end a generation
  std::string chat_template;
};

struct EncodeOptions {
  bool add_special = true;    ///< BOS in front (and EOS behind) where the vocabulary asks for it
  bool parse_special = true;  ///< text like <|eot_id|> becomes its control token
};

/// Immutable; safe to share between threads.
class Tokenizer {
 public:
  Tokenizer();
  /// Throws Error(setup) on an inconsistent vocabulary (ids out of range, merges of unknown parts, ...).
  explicit Tokenizer(Vocabulary vocabulary);

  static Tokenizer from_gguf(const GgufFile& file, std::string_view pre_override = {});
  /// Reads tokenizer.json (and tokenizer_config.json, generation_config.json beside it, where present).
  static Tokenizer from_hf_folder(const std::filesystem::path& folder, std::string_view pre_override = {});

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const;
  /// Bytes of all tokens; control tokens are empty unless `special`. May end inside a UTF-8 sequence.
  std::string decode(std::span<const TokenId> ids, bool special = false) const;
  /// Bytes of one token as streaming prints them (SPM keeps the leading space).
  std::string piece(TokenId id, bool special = false) const;

  bool is_eog(TokenId id) const noexcept;  ///< any token that ends a generation
  bool ignores_merges() const noexcept;    ///< BPE: what the vocabulary says, or what its pre-tokenizer implies
  std::int32_t size() const noexcept;
  const Vocabulary& vocabulary() const noexcept;
  /// Things a user should know: "tokenizer.ggml.pre is missing ...". Empty if none.
  std::span<const std::string> warnings() const noexcept;

 private:
  struct State;
  explicit Tokenizer(LoadedVocabulary loaded);
  std::shared_ptr<const State> state_;
};

/// Holds back incomplete UTF-8 sequences while text streams out token by token.
class Utf8Stream {
 public:
  /// Appends bytes and returns what is complete; invalid sequences come out as U+FFFD.
  std::string push(std::string_view bytes);
  /// What is left at the end, incomplete sequences as U+FFFD.
  std::string finish();

 private:
  std::string pending_;
};

}  // namespace bh::engine
