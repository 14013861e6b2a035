// The fingerprint of machine and build that every report carries.
#pragma once

#include <string_view>

#include "harness/core/report.h"

namespace bh::harness {

/// Reads the machine now (the load average changes, the rest does not).
Environment read_environment();

std::string_view version() noexcept;       ///< "0.1.0"
std::string_view git_describe() noexcept;  ///< empty where the source tree is no git checkout
std::string_view compiler() noexcept;      ///< "gcc 12.2.0"

}  // namespace bh::harness
