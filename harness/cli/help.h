// Everything a user reads about options, made from the tables: --help of bitharness and of each command.
#pragma once

#include <string>

#include "harness/cli/app.h"

namespace bh::harness {

/// `bitharness --help`: commands, suites, exit codes.
std::string main_help(const App& app);

/// `bitharness NAME --help`. `rows` are all of its options.
std::string command_help(std::string_view name, std::string_view summary, std::string_view usage,
                         std::span<const OptionRow> rows);

/// The exit codes, one line each.
std::string exit_code_help();

}  // namespace bh::harness
