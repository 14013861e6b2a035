// Cutting text into the pieces within which byte-level BPE merges: one or several regular expressions per named
// pre-tokenizer. The project's only use of PCRE2. Neighbour: bpe.h, which encodes the pieces.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bh::engine {

/// A row of the list of pre-tokenizers.
struct PreTokenizerInfo {
  std::string_view name;
  std::span<const std::string_view> aliases;   ///< other values of tokenizer.ggml.pre that mean the same
  std::span<const std::string_view> patterns;  ///< each splits the pieces of the one before
  bool ignore_merges;  ///< a piece that is a token is emitted whole, whatever the merges would make of it
  bool add_bos;        ///< where the vocabulary does not say
};

std::span<const PreTokenizerInfo> pre_tokenizers();
/// By name or alias. Throws Error(setup) listing the names.
const PreTokenizerInfo& find_pre_tokenizer(std::string_view name);
/// The row whose only pattern Hugging Face files spell as `regex`; nullptr if there is none.
const PreTokenizerInfo* recognise_pre_tokenizer(std::string_view regex) noexcept;

/// Compiled patterns. Immutable; safe to share between threads.
class PreTokenizer {
 public:
  /// Interprets the patterns where just-in-time code is not wanted or not to be had; the pieces are the same.
  explicit PreTokenizer(const PreTokenizerInfo& info, bool use_jit = true);

  /// The pieces of `text` in order, which together are `text`. Bytes that are no UTF-8 are seen as U+FFFD.
  /// Time grows linearly with the length, whatever the text.
  std::vector<std::string_view> split(std::string_view text) const;

 private:
  struct Patterns;
  std::shared_ptr<const Patterns> patterns_;
};

}  // namespace bh::engine
