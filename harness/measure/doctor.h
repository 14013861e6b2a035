// Whether this machine can give figures that mean something: for `bitharness doctor` and the first stage of sign-off.
#pragma once

#include <filesystem>
#include <vector>

#include "harness/core/check.h"

namespace bh::harness {

/// Looks and changes nothing. What only spoils measurements is warned of; what nothing can run without has failed; what
/// this system does not tell is skipped. `output` is where files will be written.
std::vector<Check> examine_machine(const std::filesystem::path& output);

}  // namespace bh::harness
