#include "harness/cli/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/cli/options.h"
#include "harness/core/exit_code.h"

namespace bh::harness {

namespace {

constexpr std::size_t kIndent = 30;
constexpr std::size_t kWidth = 110;

/// `text` in lines of at most kWidth, all but the first indented by kIndent.
std::string wrapped(std::string_view text) {
  std::string out;
  std::size_t column = kIndent;
  while (!text.empty()) {
    const auto space = text.find(' ');
    const auto word = text.substr(0, space);
    if (column > kIndent && column + 1 + word.size() > kWidth) {
      out += '\n' + std::string(kIndent, ' ');
      column = kIndent;
    } else if (column > kIndent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
  }
  return out;
}

std::string option_names(const OptionRow& row) {
  std::string names;
  std::string_view rest = row.aliases;
  while (!rest.empty()) {
    const auto alias = rest.substr(0, rest.find(','));
    names += fmt::format("-{}, ", alias);
    rest = rest.size() > alias.size() ? rest.substr(alias.size() + 1) : std::string_view{};
  }
  names += fmt::format("--{}", row.name);
  if (!row.value_name.empty()) names += fmt::format(" {}", row.value_name);
  return names;
}

std::string option_text(const OptionRow& row) {
  std::string text(row.help);
  std::string choices(row.choices);
  for (auto bar = choices.find('|'); bar != std::string::npos; bar = choices.find('|')) choices.replace(bar, 1, ", ");
  std::vector<std::string> notes;
  if (!choices.empty()) notes.push_back(choices);
  if (std::isfinite(row.min) && std::isfinite(row.max)) notes.push_back(fmt::format("{} to {}", row.min, row.max));
  if (std::isfinite(row.min) && !std::isfinite(row.max)) notes.push_back(fmt::format("at least {}", row.min));
  if (!row.default_value.empty()) notes.push_back(fmt::format("default {}", row.default_value));
  if (row.repeatable) notes.emplace_back("may be repeated");
  if (!notes.empty()) text += fmt::format(" ({})", fmt::join(notes, "; "));
  return text;
}

std::string table_line(std::string_view left, std::string_view right) {
  std::string line = fmt::format("  {}", left);
  line += line.size() + 2 > kIndent ? "\n" + std::string(kIndent, ' ') : std::string(kIndent - line.size(), ' ');
  return line + wrapped(right) + "\n";
}

}  // namespace

std::string exit_code_help() {
  std::string text = "Exit codes, the first that applies:\n";
  for (const ExitCodeRow& row : exit_code_rows()) text += fmt::format("  {:<6} {}\n", row.code, row.meaning);
  return text;
}

std::string main_help(const App& app) {
  std::string text =
      "usage: bitharness COMMAND [options]\n\nValidates and measures BitNet (1.58-bit) language models with an engine "
      "of "
      "its own.\n\nSuites, each a set of cases with verdicts:\n";
  for (const SuiteRow& suite : app.suites) text += table_line(suite.name, suite.summary);
  text += "\nCommands:\n";
  for (const CommandRow& command : app.commands) text += table_line(command.name, command.summary);
  text +=
      "\n'bitharness COMMAND --help' lists its options; --version prints the version. Every option may also be set as\n"
      "BITHARNESS_<OPTION> in the environment or in ~/.config/bitharness/config; a flag wins over the environment, "
      "that\n"
      "over the file. Results go to stdout, progress to stderr.\n\n";
  return text + exit_code_help();
}

std::string command_help(std::string_view name, std::string_view summary, std::string_view usage,
                         std::span<const OptionRow> rows) {
  std::string text =
      fmt::format("usage: bitharness {} {}\n\n{}\n\nOptions:\n", name, usage.empty() ? "[options]" : usage, summary);
  for (const OptionRow& row : rows) text += table_line(option_names(row), option_text(row));
  return text + "\n" + exit_code_help();
}

}  // namespace bh::harness
