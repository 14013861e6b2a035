// Runs one suite: options -> cases -> results -> judge -> documents -> exit code.
#pragma once

#include <span>
#include <string>

#include "harness/cli/app.h"

namespace bh::harness {

/// The rows every suite has besides its own: --filter, --list, --repro, --strict, --output, ...
std::span<const OptionRow> suite_rows() noexcept;

int run_suite(const App& app, const SuiteRow& row, const Options& options, World& world);

}  // namespace bh::harness
