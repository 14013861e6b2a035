// Timing of decode steps, for the performance cases.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/runtime/session.h"
#include "harness/core/clock.h"
#include "harness/measure/workload.h"

namespace bh::suites::acceptance {

using harness::why_not_measured;

struct DecodeSample {
  double tokens_per_second = 0;
  double token_ms = 0;
};

/// Greedy steps from `session`'s position for at least `min_ns`; the session is put back where it was.
DecodeSample decode_sample(engine::Session& session, engine::TokenId token, std::int64_t min_ns,
                           const harness::Clock& clock);

/// Nothing is timed before its output was checked: one batch and token by token give the same bits.
bool batch_equals_single(engine::Backend& backend, std::span<const engine::TokenId> tokens);

}  // namespace bh::suites::acceptance
