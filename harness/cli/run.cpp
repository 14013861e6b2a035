#include "harness/cli/run.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <new>

#include "engine/base/error.h"
#include "harness/cli/help.h"
#include "harness/cli/run_suite.h"
#include "harness/cli/signals.h"
#include "harness/cli/staging.h"
#include "harness/core/exit_code.h"
#include "harness/core/text.h"
#include "harness/measure/clock.h"
#include "harness/measure/environment.h"

namespace bh::harness {

namespace {

std::vector<OptionRow> rows_of(std::span<const OptionRow> own, std::span<const OptionRow> shared) {
  std::vector<OptionRow> rows(own.begin(), own.end());
  rows.insert(rows.end(), shared.begin(), shared.end());
  rows.insert(rows.end(), common_rows().begin(), common_rows().end());
  return rows;
}

void print_error(World& world, std::string_view message) {
  world.out.flush();
  world.err << "bitharness: error: " << one_line(message) << std::endl;
}

int run_command(const App& app, const CommandRow& row, const Options& options, World& world) {
  std::function<bool()> cancelled = [] { return false; };
  Leftovers leftovers;
  std::unique_ptr<SignalWatcher> watcher;
  if (world.own_process) {
    // A command looks at cancelled() and ends by itself; one that does not is ended with what it has printed so far.
    watcher = std::make_unique<SignalWatcher>(std::chrono::seconds(2), [&world, &leftovers](int signal) {
      leftovers.remove_all();
      world.out.flush();
      ::_exit(kSignalBase + signal);
    });
    cancelled = [&watcher] { return watcher->cancelled(); };
  }
  CommandContext context{app, options, world.in, world.out, world.err, world.clock, cancelled, world.getenv, leftovers};
  int code = 0;
  try {
    code = row.run(context);
  } catch (const Error& error) {
    if (!cancelled() || error.kind() == ErrorKind::internal) throw;
    print_error(world, error.what());
  }
  return cancelled() ? kSignalBase + watcher->signal() : code;
}

/// Runs what the first argument names.
int dispatch(const App& app, World& world) {
  const auto known = known_commands(app);
  if (world.args.empty() || world.args[0] == "--help" || world.args[0] == "-h" ||
      (world.args[0] == "help" && world.args.size() == 1)) {
    (world.args.empty() ? world.err : world.out) << main_help(app);
    return static_cast<int>(world.args.empty() ? ExitCode::usage : ExitCode::ok);
  }
  if (world.args[0] == "--version") {
    const auto described = git_describe();
    world.out << fmt::format("bitharness {}{} ({})\n", version(),
                             described.empty() ? "" : fmt::format(" {}", described), compiler());
    return 0;
  }
  std::vector<std::string> args = world.args;
  if (args[0] == "help") args = {args[1], "--help"};
  const std::string name = args[0];
  args.erase(args.begin());
  for (const KnownCommand& command : known) {
    if (command.name != name) continue;
    const Options options = parse_options(name, command.rows, args, world.getenv, known);
    for (const SuiteRow& row : app.suites) {
      if (row.name != name) continue;
      if (options.flag("help")) return (world.out << command_help(name, row.summary, "", command.rows)), 0;
      if (options.flag("show-config")) return (world.out << show_config(options)), 0;
      return run_suite(app, row, options, world);
    }
    for (const CommandRow& row : app.commands) {
      if (row.name != name) continue;
      if (options.flag("help")) return (world.out << command_help(name, row.summary, row.usage, command.rows)), 0;
      if (options.flag("show-config")) return (world.out << show_config(options)), 0;
      return run_command(app, row, options, world);
    }
  }
  std::vector<std::string> names = {"--help", "--version"};
  for (const KnownCommand& command : known) names.push_back(command.name);
  const std::string nearest = nearest_word(name, names);
  fail(ErrorKind::usage, "'{}' is no command of bitharness{}; see 'bitharness --help'", to_valid_utf8(name),
       nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest));
}

}  // namespace

std::vector<KnownCommand> known_commands(const App& app) {
  std::vector<KnownCommand> known;
  for (const SuiteRow& row : app.suites)
    known.push_back({std::string(row.name), rows_of(row.options, suite_rows(row))});
  for (const CommandRow& row : app.commands) known.push_back({std::string(row.name), rows_of(row.options, {})});
  return known;
}

int run_cli(const App& app, World& world) {
  try {
    const int code = dispatch(app, world);
    world.out.flush();
    // In the order of harness/core/exit_code.cpp.
    if (!world.out && code != static_cast<int>(ExitCode::internal) && code < kSignalBase) {
      print_error(world, "cannot write the results to the standard output; is the disk full?");
      return static_cast<int>(ExitCode::setup);
    }
    return code;
  } catch (const Error& error) {
    const bool bug = error.kind() == ErrorKind::internal;
    print_error(world, bug ? fmt::format("this is a bug in bitharness: {}", error.what()) : error.what());
    return static_cast<int>(exit_code_of(error.kind()));
  } catch (const std::filesystem::filesystem_error& error) {
    // Of a path that somebody gave: a name too long, a folder that may not be searched.
    print_error(world,
                fmt::format("cannot use '{}': {}; check the path", error.path1().string(), error.code().message()));
    return static_cast<int>(ExitCode::setup);
  } catch (const std::bad_alloc&) {
    print_error(world, "out of memory; close other programs or take a smaller model or context (-c)");
    return static_cast<int>(ExitCode::setup);
  } catch (const std::exception& error) {
    print_error(world, fmt::format("this is a bug in bitharness: {}", error.what()));
    return static_cast<int>(ExitCode::internal);
  }
}

int run_cli(const App& app, int argc, char** argv) {
  install_bus_error_handler();
  ignore_file_size_signal();
  World world{.args = std::vector<std::string>(argv + std::min(argc, 1), argv + argc),
              .in = std::cin,
              .out = std::cout,
              .err = std::cerr,
              .getenv = [](const char* name) { return std::getenv(name); },
              .clock = system_clock(),
              .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
              .own_process = true};
  return run_cli(app, world);
}

}  // namespace bh::harness
