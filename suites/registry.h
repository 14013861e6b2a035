// The list of suites: `bitharness <name>` runs one.
#pragma once

#include <span>

#include "harness/core/suite.h"

namespace bh::suites {

std::span<const harness::SuiteRow> suites() noexcept;

}  // namespace bh::suites
