#include "engine/model/synth_vocabulary.h"

#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/model/unicode.h"

namespace bh::engine {
namespace {

constexpr std::int32_t kBytes = 256, kManySpecials = 256, kFewSpecials = 4, kManyFrom = 4096;
constexpr std::string_view kLetters = "etaoinshrdlucmfwypvbgkjqxz";  // the usual first ones first

/// The template of the 2B4T chat form.
constexpr std::string_view kChatTemplate =
    "{% for message in messages %}{{ message['role'] | capitalize + ': ' + message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}";

/// Adds tokens with the merge that makes each, until there are enough.
class Inventor {
 public:
  Inventor(Vocabulary& vocabulary, std::size_t wanted) : vocabulary_(vocabulary), wanted_(wanted) {}

  bool done() const { return vocabulary_.tokens.size() >= wanted_; }
  void add(const std::string& left, const std::string& right) {
    if (done()) return;
    vocabulary_.tokens.push_back(left + right);
    vocabulary_.types.push_back(TokenType::normal);
    vocabulary_.merges.push_back(left + " " + right);
  }

  /// Every part is a token before it is merged, and no text is made twice.
  void run() {
    const std::string space = to_byte_alphabet(" "), newline = to_byte_alphabet("\n");
    for (const char letter : kLetters) add(space, std::string(1, letter));
    const std::vector<std::string> pairs = letter_pairs();
    for (const std::string& pair : pairs) add(pair.substr(0, 1), pair.substr(1));
    for (const std::string& pair : pairs) add(space, pair);
    for (std::string run = space; run.size() < 16 * space.size(); run += run) add(run, run);
    add(newline, newline);
    for (char c = 'A'; c <= 'Z'; ++c) add(space, std::string(1, c));
    for (int number = 0; number < 100; ++number) add(digit(number / 10), digit(number % 10));
    for (int number = 0; number < 1000; ++number)
      add(digit(number / 100) + digit(number / 10 % 10), digit(number % 10));
    // Words of four letters from two pairs, without and with a space before them.
    for (std::size_t sum = 0; sum < 2 * pairs.size() && !done(); ++sum) {
      for (std::size_t left = sum < pairs.size() ? 0 : sum - pairs.size() + 1; left <= sum && left < pairs.size();
           ++left) {
        add(pairs[left], pairs[sum - left]);
        add(space + pairs[left], pairs[sum - left]);
      }
    }
  }

 private:
  static std::string digit(int value) { return std::string(1, static_cast<char>('0' + value)); }
  /// Pairs of usual letters first.
  static std::vector<std::string> letter_pairs() {
    std::vector<std::string> pairs;
    for (std::size_t sum = 0; sum + 1 < 2 * kLetters.size(); ++sum)
      for (std::size_t left = 0; left <= sum; ++left)
        if (left < kLetters.size() && sum - left < kLetters.size())
          pairs.push_back({kLetters[left], kLetters[sum - left]});
    return pairs;
  }

  Vocabulary& vocabulary_;
  std::size_t wanted_;
};

std::vector<std::string> special_names(std::int32_t count) {
  if (count == kFewSpecials) return {"<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|pad|>"};
  std::vector<std::string> names = {"<|begin_of_text|>", "<|end_of_text|>"};
  int reserved = 0;
  while (names.size() < static_cast<std::size_t>(count)) {
    switch (names.size()) {
      case 6:
        names.emplace_back("<|start_header_id|>");
        break;
      case 7:
        names.emplace_back("<|end_header_id|>");
        break;
      case 9:
        names.emplace_back("<|eot_id|>");
        break;
      default:
        names.push_back(fmt::format("<|reserved_special_token_{}|>", reserved++));
    }
  }
  return names;
}

}  // namespace

Vocabulary invent_vocabulary(std::int32_t n_vocab, std::string_view pre) {
  const std::int32_t specials = n_vocab < kManyFrom ? kFewSpecials : kManySpecials;
  if (n_vocab < kBytes + specials)
    fail(ErrorKind::usage, "a vocabulary of {} is too small: {} bytes and {} control tokens are always there", n_vocab,
         kBytes, specials);
  Vocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = pre;
  for (int byte = 0; byte < kBytes; ++byte)
    vocabulary.tokens.emplace_back(alphabet_character(static_cast<unsigned char>(byte)));
  vocabulary.types.assign(vocabulary.tokens.size(), TokenType::normal);
  Inventor inventor(vocabulary, static_cast<std::size_t>(n_vocab - specials));
  inventor.run();
  if (!inventor.done())
    fail(ErrorKind::usage, "no {} tokens can be invented, at most {}", n_vocab,
         vocabulary.tokens.size() + static_cast<std::size_t>(specials));
  vocabulary.bos = n_vocab - specials;
  vocabulary.eos = vocabulary.bos + 1;
  vocabulary.padding = specials == kFewSpecials ? vocabulary.bos + 3 : vocabulary.eos;
  vocabulary.add_bos = true;
  for (std::string& name : special_names(specials)) {
    vocabulary.tokens.push_back(std::move(name));
    vocabulary.types.push_back(TokenType::control);
  }
  vocabulary.scores.assign(vocabulary.tokens.size(), 0.0f);
  vocabulary.chat_template = kChatTemplate;
  return vocabulary;
}

}  // namespace bh::engine
