#include "engine/model/pre_tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/ranges.h>
#include <pcre2.h>

#include <array>
#include <cstdint>
#include <new>
#include <utility>

#include "engine/base/error.h"
#include "engine/model/unicode.h"

namespace bh::engine {
namespace {

// White space as Unicode's property has it. PCRE2's own \s also takes U+180E, which lost the property in Unicode 6.3
// and which neither llama.cpp nor Hugging Face's engine counts.
#define BH_SPACE "\\x{9}-\\x{D}\\x{85}\\p{Z}"

// The contractions of llama-bpe are spelled out as llama.cpp does. Hugging Face's (?i:'s|...) folds by Unicode rules
// and so also takes U+017F, the long s.
constexpr std::array<std::string_view, 1> kLlamaPatterns = {
    "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
    "?[^" BH_SPACE "\\p{L}\\p{N}]+[\\r\\n]*|[" BH_SPACE "]*[\\r\\n]+|[" BH_SPACE "]+(?![^" BH_SPACE "])|[" BH_SPACE
    "]+"};

#define BH_GPT2_PATTERN                                                                                      \
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" BH_SPACE "\\p{L}\\p{N}]+|[" BH_SPACE "]+(?![^" BH_SPACE \
  "])|[" BH_SPACE "]+"

constexpr std::array<std::string_view, 1> kGpt2Patterns = {BH_GPT2_PATTERN};

// What llama.cpp does for files that name no pre-tokenizer, among them the official BitNet 2B4T file.
constexpr std::array<std::string_view, 4> kDefaultPatterns = {"[\\p{P}\\$\\+<=>\\^~\\|]+", BH_GPT2_PATTERN, "\\p{N}+",
                                                              "[0-9][0-9][0-9]"};

constexpr std::array<std::string_view, 4> kLlamaAliases = {"llama3", "llama-v3", "falcon3", "falcon-h1"};
constexpr std::array<std::string_view, 1> kGpt2Aliases = {"gpt2"};

constexpr std::array<PreTokenizerInfo, 3> kPreTokenizers = {{
    {"llama-bpe", kLlamaAliases, kLlamaPatterns, true, true},
    {"gpt-2", kGpt2Aliases, kGpt2Patterns, false, false},
    {"default", {}, kDefaultPatterns, false, false},
}};

struct Spelling {
  std::string_view regex;
  std::string_view name;
};

constexpr std::array<Spelling, 4> kSpellings = {{
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
     "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     "llama-bpe"},
    {"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
     "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     "llama-bpe"},
    {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", "gpt-2"},
    {"'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", "gpt-2"},
}};

struct CodeDeleter {
  void operator()(pcre2_code* code) const noexcept { pcre2_code_free(code); }
};
struct ContextDeleter {
  void operator()(pcre2_match_context* context) const noexcept { pcre2_match_context_free(context); }
};
struct MatchDataDeleter {
  void operator()(pcre2_match_data* data) const noexcept { pcre2_match_data_free(data); }
};
using Code = std::unique_ptr<pcre2_code, CodeDeleter>;
using MatchContext = std::unique_ptr<pcre2_match_context, ContextDeleter>;
using MatchData = std::unique_ptr<pcre2_match_data, MatchDataDeleter>;

std::string describe(int error) {
  std::array<PCRE2_UCHAR, 128> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

Code compile(std::string_view pattern, bool use_jit) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  Code code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF, &error, &offset, nullptr));
  if (!code)
    fail(ErrorKind::internal, "PCRE2 refuses a tokenizer pattern at byte {}: {}; is it built with Unicode support?",
         offset, describe(error));
  if (use_jit) static_cast<void>(pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE));  // without it, it interprets
  return code;
}

struct Match {
  std::size_t begin;
  std::size_t end;
};

/// Matches one pattern in turn over a piece of valid UTF-8.
class Matcher {
 public:
  Matcher(const pcre2_code* code, pcre2_match_context* context)
      : code_(code), context_(context), data_(pcre2_match_data_create(1, nullptr)) {
    if (!data_) throw std::bad_alloc();
  }

  /// The first match at or after `start`; {size, size} if there is none.
  Match find(std::string_view piece, std::size_t start) {
    int result = match(piece, start, PCRE2_NO_UTF_CHECK);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = match(piece, start, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT);
    if (result == PCRE2_ERROR_NOMATCH) return {piece.size(), piece.size()};
    if (result < 0)
      fail(ErrorKind::internal, "matching a tokenizer pattern over {} bytes failed: {}", piece.size(),
           describe(result));
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(data_.get());
    return {offsets[0], offsets[1]};
  }

 private:
  int match(std::string_view piece, std::size_t start, std::uint32_t options) {
    return pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(piece.data()), piece.size(), start, options, data_.get(),
                       context_);
  }

  const pcre2_code* code_;
  pcre2_match_context* context_;
  MatchData data_;
};

/// Valid UTF-8 that stands for any bytes, and the way back to them.
struct Sanitised {
  std::string text;
  std::vector<std::size_t> replaced;  ///< where in `text` a U+FFFD stands for one byte
};

Sanitised sanitise(std::string_view bytes) {
  Sanitised sanitised;
  while (true) {
    const std::size_t valid = valid_utf8_prefix(bytes);
    sanitised.text += bytes.substr(0, valid);
    bytes.remove_prefix(valid);
    if (bytes.empty()) return sanitised;
    sanitised.replaced.push_back(sanitised.text.size());
    sanitised.text += kReplacementCharacter;
    bytes.remove_prefix(1);
  }
}

}  // namespace

std::span<const PreTokenizerInfo> pre_tokenizers() { return kPreTokenizers; }

const PreTokenizerInfo& find_pre_tokenizer(std::string_view name) {
  std::vector<std::string_view> names;
  for (const PreTokenizerInfo& info : kPreTokenizers) {
    if (info.name == name) return info;
    names.push_back(info.name);
    for (const std::string_view alias : info.aliases) {
      if (alias == name) return info;
      names.push_back(alias);
    }
  }
  fail(ErrorKind::setup,
       "the pre-tokenizer \"{}\" is not supported (supported: {}); override it with one of these if you know that the "
       "model was trained with the same rules",
       name, fmt::join(names, ", "));
}

const PreTokenizerInfo* recognise_pre_tokenizer(std::string_view regex) noexcept {
  for (const Spelling& spelling : kSpellings) {
    if (spelling.regex != regex) continue;
    for (const PreTokenizerInfo& info : kPreTokenizers) {
      if (info.name == spelling.name) return &info;
    }
  }
  return nullptr;
}

struct PreTokenizer::Patterns {
  std::vector<Code> codes;
  MatchContext context;
};

PreTokenizer::PreTokenizer(const PreTokenizerInfo& info, bool use_jit) {
  auto patterns = std::make_shared<Patterns>();
  for (const std::string_view pattern : info.patterns) patterns->codes.push_back(compile(pattern, use_jit));
  patterns->context.reset(pcre2_match_context_create(nullptr));
  if (!patterns->context) throw std::bad_alloc();
  // A run of n spaces costs n steps to find that no newline follows. No pattern here does worse, so the limit only has
  // to be out of reach of any text; memory does not grow with it.
  pcre2_set_match_limit(patterns->context.get(), 4'000'000'000U);
  patterns_ = std::move(patterns);
}

std::vector<std::string_view> PreTokenizer::split(std::string_view text) const {
  if (text.empty()) return {};
  const bool valid = valid_utf8_prefix(text) == text.size();
  const Sanitised sanitised = valid ? Sanitised{} : sanitise(text);
  std::vector<std::string_view> pieces = {valid ? text : std::string_view(sanitised.text)};
  std::vector<std::string_view> finer;
  for (const Code& code : patterns_->codes) {
    Matcher matcher(code.get(), patterns_->context.get());
    finer.clear();
    for (const std::string_view piece : pieces) {
      for (std::size_t at = 0; at < piece.size();) {
        const Match match = matcher.find(piece, at);
        if (match.begin > at) finer.push_back(piece.substr(at, match.begin - at));
        if (match.end > match.begin) finer.push_back(piece.substr(match.begin, match.end - match.begin));
        at = match.end;
      }
    }
    pieces.swap(finer);
  }
  if (valid) return pieces;

  std::size_t at = 0;        // in the bytes as given
  std::size_t replaced = 0;  // U+FFFDs passed, each two bytes longer than what it stands for
  for (std::string_view& piece : pieces) {
    const std::size_t end = static_cast<std::size_t>(piece.data() - sanitised.text.data()) + piece.size();
    while (replaced < sanitised.replaced.size() && sanitised.replaced[replaced] < end) ++replaced;
    const std::size_t raw_end = end - replaced * (kReplacementCharacter.size() - 1);
    piece = text.substr(at, raw_end - at);
    at = raw_end;
  }
  return pieces;
}

}  // namespace bh::engine
