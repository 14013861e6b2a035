// The clock that a core really runs at, where counters of cycles are not to be had: timed over work whose cycles are
// known.
#pragma once

#include <cstdint>

#include "harness/core/clock.h"

namespace bh::harness {

/// Cycles per second of the core this thread is on: the fastest of several short chains of instructions, each waiting
/// for the one before, in about `ns` nanoseconds. A 64-bit IMUL takes 3 cycles on Intel since Nehalem and AMD since Zen
/// (Agner Fog's instruction tables), an ADD one cycle on ARM-64 (Arm's software optimization guides). 0 on other CPUs.
double core_clock_hz(std::int64_t ns, const Clock& clock);

}  // namespace bh::harness
