// The generation loop: prefill, then sample and decode until a stop rule holds. Used by `run`, acceptance and perf.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/runtime/sampler.h"
#include "engine/runtime/session.h"
#include "engine/runtime/speculation.h"

namespace bh::engine {

enum class StopReason { eog, stop_text, max_tokens, context_full, cancelled };
std::string_view to_string(StopReason reason) noexcept;

struct GenerateOptions {
  std::int32_t max_tokens = -1;  ///< -1 = until a stop rule or the context ends
  std::int32_t n_batch = 0;
  bool ignore_eog = false;
  std::vector<std::string> stop_texts;  ///< ends before the first of these; the text is cut there
  /// Guesses tokens, which are verified several in a step while that pays. None = one token a step. The tokens are the
  /// same either way; not used where steps of several rows round otherwise (the reference numerics).
  Drafter* drafter = nullptr;
  SamplingOptions sampling;
};

struct Generation {
  std::vector<TokenId> ids;  ///< generated, without the prompt; an end-of-generation token is included as the last
  std::string text;
  StopReason stop_reason = StopReason::max_tokens;
  std::string stop_detail;  ///< the stop text or the token's piece
  std::int64_t prefill_ns = 0;
  std::int64_t decode_ns = 0;              ///< of all steps after prefill
  std::vector<std::int64_t> step_ns;       ///< one per decode step
  std::int64_t drafted = 0, accepted = 0;  ///< guessed tokens that steps verified, and those that were right

  /// Tokens that the decode steps gave: all but the first, which the prefill gives.
  std::int64_t decode_tokens() const noexcept { return ids.empty() ? 0 : static_cast<std::int64_t>(ids.size()) - 1; }
};

/// Nanoseconds of a steady clock; passed in so that tests can fake it.
using Clock = std::function<std::int64_t()>;
Clock steady_clock();

/// Called with complete UTF-8 as it appears; returning false cancels.
using OnText = std::function<bool(std::string_view text)>;

Generation generate(Session& session, std::span<const TokenId> prompt, const GenerateOptions& options,
                    const OnText& on_text = {}, const Clock& clock = steady_clock());

struct Sequence {
  Session* session = nullptr;
  std::span<const TokenId> prompt;
  GenerateOptions options;  ///< `drafter` is not used where others share the steps
  OnText on_text;
};

/// Several sequences on one backend, at most max_rows(), each step reading the weights once for all that have not
/// ended. Each gets what generate() would give it alone. Not for the reference numerics; step times are those of the
/// shared steps.
std::vector<Generation> generate_together(std::span<const Sequence> sequences, const Clock& clock = steady_clock());

}  // namespace bh::engine
