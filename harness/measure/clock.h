// The machine's clocks behind harness/core/clock.h.
#pragma once

#include <cstdint>
#include <string>

#include "harness/core/clock.h"

namespace bh::harness {

Clock system_clock();

/// RFC 3339 in UTC with milliseconds, for milliseconds since 1970.
std::string format_utc(std::int64_t unix_ms);

}  // namespace bh::harness
