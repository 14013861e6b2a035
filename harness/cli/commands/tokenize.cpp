// bitharness tokenize: text in, token ids out.
#include <fmt/format.h>

#include <array>

#include "engine/base/json.h"
#include "engine/model/gguf.h"
#include "engine/model/tokenizer.h"
#include "harness/cli/commands.h"
#include "harness/core/text.h"
#include "harness/io/model_locator.h"

namespace bh::harness {

namespace {

constexpr std::array kRows = {
    rows::kModel,
    rows::kPrompt,
    rows::kFile,
    rows::kPreTokenizer,
    rows::kJson,
    OptionRow{.name = "pieces", .help = "print one token per line with the bytes it stands for"},
    OptionRow{.name = "no-bos", .help = "leave out the tokens that the vocabulary puts around a text"},
    OptionRow{.name = "no-special", .help = "take text such as <|eot_id|> for plain text"},
};

/// Only the tokenizer is read, so a model of any weight format will do.
engine::Tokenizer open_tokenizer(const std::filesystem::path& path, const std::string& pre) {
  if (std::filesystem::is_directory(path)) return engine::Tokenizer::from_hf_folder(path, pre);
  return engine::Tokenizer::from_gguf(engine::GgufFile::open(path), pre);
}

/// A piece on one line: what is not printable ASCII or complete UTF-8 is escaped.
std::string shown(const std::string& piece) {
  const bool valid = to_valid_utf8(piece) == piece;
  std::string text = "'";
  for (const char c : piece) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !valid)) {
      text += fmt::format("\\x{:02x}", byte);
    } else {
      if (c == '\'' || c == '\\') text += '\\';
      text += c;
    }
  }
  return text + "'";
}

int run(CommandContext& context) {
  const Options& options = context.options;
  const auto path = locate_model(options.text("model"), executable_path());
  const auto tokenizer = open_tokenizer(path, options.text("pre"));
  for (const std::string& warning : tokenizer.warnings()) context.err << "warning: " << warning << "\n";
  const std::string text = read_text(context);
  const auto ids =
      tokenizer.encode(text, {.add_special = !options.flag("no-bos"), .parse_special = !options.flag("no-special")});
  if (options.flag("json")) {
    json::array id_list, pieces;
    for (const auto id : ids) {
      id_list.push_back(id);
      pieces.emplace_back(tokenizer.piece(id, true));
    }
    json::value document = json::object{{"model", path.string()},
                                        {"pre", tokenizer.vocabulary().pre},
                                        {"count", ids.size()},
                                        {"ids", std::move(id_list)},
                                        {"pieces", std::move(pieces)}};
    make_valid_utf8(document);
    context.out << write_json(document);
    return 0;
  }
  if (options.flag("pieces")) {
    for (const auto id : ids) context.out << fmt::format("{:>8}  {}\n", id, shown(tokenizer.piece(id, true)));
    return 0;
  }
  context.out << fmt::format("{}\n", fmt::join(ids, " "));
  return 0;
}

}  // namespace

const CommandRow kTokenizeCommand{"tokenize", "Prints the token ids of a text (-p, -f or the standard input)", "",
                                  kRows, run};

}  // namespace bh::harness
