// Tells generated language from noise and loops, by numbers that need no other model.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

#include "engine/model/tokenizer.h"

namespace bh::suites::acceptance {

/// Words (runs of ASCII letters, lower-cased) of a text of the model's language.
class WordList {
 public:
  WordList() = default;
  explicit WordList(std::string_view text);
  bool has(std::string_view lower_case_word) const { return words_.count(std::string(lower_case_word)) > 0; }
  bool empty() const noexcept { return words_.empty(); }
  std::size_t size() const noexcept { return words_.size(); }

 private:
  std::unordered_set<std::string> words_;
};

/// What one sample looks like. Shares lie in 0..1.
struct TextFacts {
  std::int64_t tokens = 0;
  std::int64_t words = 0;
  double repetition_rate = 0;              ///< 4-grams of ids that the sample already held
  double distinct_share = 0;               ///< different ids among all
  double longest_run_share = 0;            ///< of one id in a row
  std::optional<double> known_word_share;  ///< nullopt without a word list; 0 for a text without words
};

TextFacts look_at(std::span<const engine::TokenId> ids, std::string_view text, const WordList& words);

}  // namespace bh::suites::acceptance
