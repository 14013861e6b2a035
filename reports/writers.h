// The list of report writers. Each is a pure function of the Report (harness/core/writer.h).
#pragma once

#include <span>

#include "harness/core/writer.h"

namespace bh::reports {

std::span<const harness::Writer> writers() noexcept;

}  // namespace bh::reports
