// Time as an argument, so that tests can fake it. The real one is harness/measure/clock.h.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace bh::harness {

struct Clock {
  std::function<std::int64_t()> steady_ns;  ///< monotonic
  std::function<std::string()> utc_now;     ///< RFC 3339, UTC, milliseconds: "2026-07-01T12:34:56.789Z"
};

}  // namespace bh::harness
