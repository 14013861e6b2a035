// Shell completions, made from the same tables as --help.
#pragma once

#include <string>

#include "harness/cli/app.h"

namespace bh::harness {

/// A script to be sourced by bash.
std::string bash_completions(const App& app);

}  // namespace bh::harness
