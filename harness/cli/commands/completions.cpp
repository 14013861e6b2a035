// bitharness completions: a script for the shell, made from the option tables.
#include "harness/cli/completions.h"

#include <array>

#include "harness/cli/commands.h"

namespace bh::harness {

namespace {

constexpr std::array kRows = {OptionRow{.name = "shell",
                                        .kind = OptionKind::choice,
                                        .value_name = "NAME",
                                        .default_value = "bash",
                                        .help = "for which shell",
                                        .choices = "bash",
                                        .positional = true}};

int run(CommandContext& context) {
  context.out << bash_completions(context.app);
  return 0;
}

}  // namespace

const CommandRow kCompletionsCommand{"completions",
                                     "Prints a completion script for the shell: source <(bitharness completions bash)",
                                     "[bash]", kRows, run};

}  // namespace bh::harness
