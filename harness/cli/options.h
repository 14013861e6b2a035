// From the command line, the environment and a configuration file to Options. The only use of Boost.Program_options.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "harness/core/options.h"

namespace bh::harness {

using GetEnv = std::function<const char*(const char* name)>;

/// A command or suite as the configuration file sees it: [name] sections and the options that exist.
struct KnownCommand {
  std::string name;
  std::vector<OptionRow> rows;
};

/// Precedence: flag > environment (BITHARNESS_THREADS, then a row's extra_env) > configuration file > default.
/// Throws Error(usage), one line, with a suggestion for a mistyped name. `command` names the command in messages;
/// `known` are all commands, for checking the configuration file.
Options parse_options(const std::string& command, std::span<const OptionRow> rows, const std::vector<std::string>& args,
                      const GetEnv& getenv, std::span<const KnownCommand> known);

/// The rows every command has: --help, --config, --show-config.
std::span<const OptionRow> common_rows() noexcept;

/// "BITHARNESS_TOP_K" for "top-k".
std::string environment_name(std::string_view option);

/// The values with where each came from, as --show-config prints them; valid as a configuration file.
std::string show_config(const Options& options);

}  // namespace bh::harness
