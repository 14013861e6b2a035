#include "harness/cli/completions.h"

#include <fmt/format.h>

#include "harness/cli/run.h"

namespace bh::harness {

std::string bash_completions(const App& app) {
  std::string names, cases;
  for (const KnownCommand& command : known_commands(app)) {
    names += (names.empty() ? "" : " ") + command.name;
    std::string options, values;
    for (const OptionRow& row : command.rows) {
      options += fmt::format("{}--{}", options.empty() ? "" : " ", row.name);
      if (row.kind != OptionKind::choice) continue;
      std::string choices(row.choices);
      for (auto bar = choices.find('|'); bar != std::string::npos; bar = choices.find('|')) choices[bar] = ' ';
      values += fmt::format("      --{}) words='{}' ;;\n", row.name, choices);
    }
    cases += fmt::format("    {})\n      words='{}'\n", command.name, options);
    if (!values.empty()) cases += fmt::format("      case $previous in\n{}      esac\n", values);
    cases += "      ;;\n";
  }
  return fmt::format(
      "# bash completion for bitharness; load it with: source <(bitharness completions bash)\n"
      "_bitharness() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} words='{} --help --version'\n"
      "  ((COMP_CWORD > 1)) && case ${{COMP_WORDS[1]}} in\n{}  esac\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
      "}}\n"
      "complete -o default -F _bitharness bitharness\n",
      names, cases);
}

}  // namespace bh::harness
