// Runs one suite: options -> cases -> results -> judge -> documents -> exit code.
#pragma once

#include <vector>

#include "harness/cli/app.h"

namespace bh::harness {

/// The rows a suite has besides its own: --filter, --list, --repro, --strict, --output, ..., and --sign where there is
/// something to sign.
std::vector<OptionRow> suite_rows(const SuiteRow& suite);

int run_suite(const App& app, const SuiteRow& row, const Options& options, World& world);

}  // namespace bh::harness
