// A piece of work timed on a subject: prefill of a prompt, or decoding behind one. Checks on the way that every
// repetition has the same answer and that the subject's clock agrees with ours.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/core/clock.h"
#include "harness/core/subject.h"

namespace bh::suites::perf {

struct Work {
  std::vector<engine::TokenId> prompt;
  std::int32_t decode_tokens = 0;  ///< 0 = the prefill is timed; else so many steps behind the prompt
};

/// As many repetitions as took the time asked for.
struct WorkSample {
  std::int64_t ns = 0;
  std::int64_t tokens = 0;
  std::vector<std::int64_t> parts_ns;  ///< decode: each step; prefill: each prompt

  double seconds_per_token() const noexcept { return static_cast<double>(ns) * 1e-9 / static_cast<double>(tokens); }
  double tokens_per_second() const noexcept { return 1 / seconds_per_token(); }
};

class TimedSubject {
 public:
  /// Both outlive it.
  TimedSubject(harness::Subject& subject, const harness::Clock& clock, Work work);

  /// One repetition that is not kept. Its answer is what all others have to be.
  void warm_up();
  /// Throws Error(setup) where the subject reports times or answers that cannot be.
  WorkSample sample(std::int64_t min_ns);

  const std::vector<engine::TokenId>& ids() const noexcept { return ids_; }
  bool outputs_equal() const noexcept { return outputs_equal_; }
  /// Reported time / time on our clock, over all samples.
  double clock_agreement() const noexcept;
  /// The same of what samples hold alone: the prefill, or the steps.
  double sampled_share() const noexcept;

 private:
  harness::Timing ask();

  harness::Subject& subject_;
  const harness::Clock& clock_;
  Work work_;
  std::vector<engine::TokenId> ids_;
  bool outputs_equal_ = true;
  std::int64_t reported_ns_ = 0;
  std::int64_t sampled_ns_ = 0;
  std::int64_t wall_ns_ = 0;
};

}  // namespace bh::suites::perf
