// run_cli: one call of bitharness, from arguments to exit code.
#pragma once

#include <vector>

#include "harness/cli/app.h"
#include "harness/cli/options.h"

namespace bh::harness {

/// The whole program: real streams, environment, clock and signals.
int run_cli(const App& app, int argc, char** argv);

/// The same in a world of the caller's making; never ends the process unless `world.own_process`.
int run_cli(const App& app, World& world);

/// Every suite and command with all its option rows, its own first.
std::vector<KnownCommand> known_commands(const App& app);

}  // namespace bh::harness
