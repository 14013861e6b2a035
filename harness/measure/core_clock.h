// The clock that a core really runs at, where counters of cycles are not to be had: timed over work whose cycles are
// known.
#pragma once

#include <cstdint>

#include "harness/core/clock.h"

namespace bh::harness {

/// Cycles per second of the core this thread is on: the fastest of several short chains of additions, each waiting for
/// the one before, in about `ns` nanoseconds. An ADD of registers takes one cycle on every x86-64 core (Agner Fog's
/// instruction tables) and ARM-64 core (Arm's software optimization guides). 0 on other CPUs.
double core_clock_hz(std::int64_t ns, const Clock& clock);

}  // namespace bh::harness
