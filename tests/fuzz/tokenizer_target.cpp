// Tokenizers: any bytes through sound vocabularies, and vocabularies read from any bytes.
#include <array>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "engine/model/tokenizer.h"
#include "engine/model/vocabulary_tiktoken.h"
#include "tests/fuzz/files.h"
#include "tests/fuzz/readers.h"
#include "tests/fuzz/seeds.h"

namespace bh::fuzz {
namespace {

using engine::EncodeOptions;
using engine::TokenId;
using engine::Tokenizer;
using engine::Utf8Stream;

void check_ids(const Tokenizer& tokenizer, std::span<const TokenId> ids) {
  for (const TokenId id : ids) expect(id >= 0 && id < tokenizer.size(), "a text becomes ids of the vocabulary");
}

std::string streamed(const std::vector<std::string>& pieces) {
  Utf8Stream stream;
  std::string text;
  for (const std::string& piece : pieces) text += stream.push(piece);
  return text + stream.finish();
}

/// However the bytes of a text are cut, the stream gives the same, and it is UTF-8.
void check_stream(const Tokenizer& tokenizer, std::span<const TokenId> ids) {
  std::vector<std::string> pieces;
  for (const TokenId id : ids) pieces.push_back(tokenizer.piece(id, true));
  const std::string whole = std::accumulate(pieces.begin(), pieces.end(), std::string());
  std::vector<std::string> bytes;
  for (const char byte : whole) bytes.emplace_back(1, byte);
  const std::string text = streamed(pieces);
  expect(text == streamed({whole}) && text == streamed(bytes), "a stream does not depend on how a text is cut");
  expect(text == streamed({text}), "a stream gives UTF-8");
}

std::string with_spaces(std::string text) {
  constexpr std::string_view kVisibleSpace = "\xe2\x96\x81";
  for (std::size_t at = text.find(kVisibleSpace); at != std::string::npos; at = text.find(kVisibleSpace, at + 1))
    text.replace(at, kVisibleSpace.size(), " ");
  return text;
}

/// A vocabulary with a token for every byte loses nothing.
void check_round_trip(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options) {
  const std::vector<TokenId> ids = tokenizer.encode(text, options);
  check_ids(tokenizer, ids);
  check_stream(tokenizer, ids);
  const bool spm = tokenizer.vocabulary().model == "llama";
  const std::string back = tokenizer.decode(ids, true);
  // Special tokens that are asked for stand for no text, and in SPM a space follows every special token of the text.
  if (options.add_special || (spm && (options.parse_special || text.find("<tool>") != std::string_view::npos))) return;
  expect(back == (spm ? with_spaces(std::string(text)) : text), "a text survives encoding and decoding");
}

}  // namespace

void exercise(const Tokenizer& tokenizer) {
  std::vector<std::string> texts = {"", "Hello, world 123!\n", " \t  ", "\xff\xfe\xc3(",
                                    "caf\xc3\xa9 \xf0\x9f\x98\x80 '\xe2\x96\x81's"};
  for (std::size_t id = 0; id < tokenizer.vocabulary().tokens.size() && id < 32; ++id)
    texts.push_back(tokenizer.vocabulary().tokens[id].substr(0, 4096) + "a");
  for (const std::string& text : texts) {
    const std::vector<TokenId> ids = tokenizer.encode(text);
    check_ids(tokenizer, ids);
    static_cast<void>(tokenizer.decode(ids, true));
    check_stream(tokenizer, ids);
  }
  for (TokenId id = 0; id < tokenizer.size() && id < 1000; ++id) static_cast<void>(tokenizer.is_eog(id));
}

void run_tokenizer(std::span<const std::byte> bytes) {
  static const std::vector<Tokenizer> tokenizers = [] {
    std::vector<Tokenizer> made;
    for (engine::Vocabulary& vocabulary : whole_vocabularies()) made.emplace_back(std::move(vocabulary));
    return made;
  }();
  if (bytes.empty()) return;
  const auto choice = std::to_integer<unsigned>(bytes[0]);
  const EncodeOptions options{(choice & 1) != 0, (choice & 2) != 0};
  check_round_trip(tokenizers[(choice >> 2) % tokenizers.size()], as_text(bytes.subspan(1)), options);
}

void run_tokenizer_json(std::span<const std::byte> bytes) {
  const auto folder = write_parts("tokenizer_json", as_text(bytes),
                                  {"tokenizer.json", "tokenizer_config.json", "generation_config.json"});
  Tokenizer tokenizer;
  if (accepts([&] { tokenizer = Tokenizer::from_hf_folder(folder); })) exercise(tokenizer);
}

void run_tiktoken(std::span<const std::byte> bytes) {
  const MemoryFile file(bytes);
  std::optional<engine::Vocabulary> vocabulary;
  if (!accepts([&] { vocabulary = engine::read_tiktoken(file.path()); })) return;
  Tokenizer tokenizer;
  if (accepts([&] { tokenizer = Tokenizer(std::move(*vocabulary)); })) exercise(tokenizer);
}

}  // namespace bh::fuzz
