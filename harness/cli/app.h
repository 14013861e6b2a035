// What the composition root hands to run_cli: the lists of suites, subjects, commands and writers, and the world a run
// lives in, so that tests can pass both.
#pragma once

#include <functional>
#include <istream>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/clock.h"
#include "harness/core/options.h"
#include "harness/core/suite.h"
#include "harness/core/writer.h"

namespace bh::harness {

class Leftovers;
struct App;

/// What a command may use.
struct CommandContext {
  const App& app;
  const Options& options;
  std::istream& in;
  std::ostream& out;  ///< results only
  std::ostream& err;  ///< progress and logs
  const Clock& clock;
  std::function<bool()> cancelled;  ///< a signal has asked the run to end
  const std::function<const char*(const char* name)>& getenv;
  Leftovers& leftovers;  ///< removed where a signal ends the command before it could
};

/// A row of the list of commands (harness/cli/commands.cpp).
struct CommandRow {
  std::string_view name;
  std::string_view summary;
  std::string_view usage;  ///< behind the name in the first line of --help; empty = "[options]"
  std::span<const OptionRow> options;
  int (*run)(CommandContext& context);  ///< returns an exit code; may throw
};

struct App {
  std::span<const SuiteRow> suites;
  std::span<const SubjectRow> subjects;
  std::span<const CommandRow> commands;
  std::span<const Writer> writers;
};

/// Streams, environment and time of one call of run_cli.
struct World {
  std::vector<std::string> args;  ///< without the program's name
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  std::function<const char*(const char* name)> getenv;
  Clock clock;
  bool out_is_terminal = false;
  bool own_process = false;              ///< may watch signals and end the process when one comes
  std::function<bool()> cancelled = {};  ///< of a run inside another one, which watches the signals
};

}  // namespace bh::harness
