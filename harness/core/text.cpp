#include "harness/core/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "engine/model/tokenizer.h"

namespace bh::harness {

std::string to_valid_utf8(std::string_view bytes) {
  engine::Utf8Stream stream;
  std::string text = stream.push(bytes);
  return text + stream.finish();
}

void make_valid_utf8(json::value& value) {
  if (auto* string = value.if_string()) {
    *string = to_valid_utf8({string->data(), string->size()});
  } else if (auto* array = value.if_array()) {
    for (json::value& item : *array) make_valid_utf8(item);
  } else if (auto* object = value.if_object()) {
    json::object clean;
    for (auto& member : *object) {
      make_valid_utf8(member.value());
      clean[to_valid_utf8({member.key().data(), member.key().size()})] = std::move(member.value());
    }
    *object = std::move(clean);
  }
}

std::string shell_quote(std::string_view argument) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%";
  if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string_view::npos) return std::string(argument);
  const bool printable = to_valid_utf8(argument) == argument &&
                         std::none_of(argument.begin(), argument.end(),
                                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (printable) {
    std::string quoted = "'";
    for (const char c : argument) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
  }
  std::string quoted = "$'";
  for (const char c : argument) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      quoted += "\\n";
    } else if (byte < 0x20 || byte >= 0x7f) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      if (c == '\'' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return quoted + "'";
}

bool matches_filter(std::string_view text, std::string_view pattern) noexcept {
  if (pattern.find_first_of("*?") == std::string_view::npos) return text.find(pattern) != std::string_view::npos;
  std::size_t t = 0, p = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = word.size() / 3 + 1;
  for (const std::string& candidate : candidates) {
    // Levenshtein distance, one row at a time.
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        const std::size_t substituted = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
      }
    }
    if (row.back() < best_distance || (row.back() == best_distance && best.empty())) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace bh::harness
