#include "suites/acceptance/text_judge.h"

#include <algorithm>
#include <array>
#include <set>

namespace bh::suites::acceptance {
namespace {

constexpr std::size_t kGram = 4;

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lowered(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

template <class Visit>
void for_each_word(std::string_view text, const Visit& visit) {
  std::string word;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && is_letter(text[i])) {
      word += lowered(text[i]);
    } else if (!word.empty()) {
      visit(word, i == text.size());
      word.clear();
    }
  }
}

double repetition_rate(std::span<const engine::TokenId> ids) {
  if (ids.size() < kGram) return 0;
  std::set<std::array<engine::TokenId, kGram>> seen;
  const std::size_t grams = ids.size() - kGram + 1;
  for (std::size_t i = 0; i < grams; ++i) seen.insert({ids[i], ids[i + 1], ids[i + 2], ids[i + 3]});
  return 1.0 - static_cast<double>(seen.size()) / static_cast<double>(grams);
}

std::size_t longest_run(std::span<const engine::TokenId> ids) {
  std::size_t longest = 0, run = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    run = i > 0 && ids[i] == ids[i - 1] ? run + 1 : 1;
    longest = std::max(longest, run);
  }
  return longest;
}

}  // namespace

WordList::WordList(std::string_view text) {
  for_each_word(text, [this](const std::string& word, bool) { words_.insert(word); });
}

TextFacts look_at(std::span<const engine::TokenId> ids, std::string_view text, const WordList& words) {
  TextFacts facts;
  facts.tokens = static_cast<std::int64_t>(ids.size());
  std::int64_t known = 0;
  for_each_word(text, [&](const std::string& word, bool at_end) {
    if (at_end) return;  // the sample may have been cut inside it
    ++facts.words;
    known += words.has(word) ? 1 : 0;
  });
  if (!words.empty()) {
    facts.known_word_share = facts.words == 0 ? 0 : static_cast<double>(known) / static_cast<double>(facts.words);
  }
  if (ids.empty()) return facts;
  const auto count = static_cast<double>(ids.size());
  facts.repetition_rate = repetition_rate(ids);
  facts.distinct_share = static_cast<double>(std::set(ids.begin(), ids.end()).size()) / count;
  facts.longest_run_share = static_cast<double>(longest_run(ids)) / count;
  return facts;
}

}  // namespace bh::suites::acceptance
