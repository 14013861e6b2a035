#include "suites/perf/timed_subject.h"

#include <algorithm>

#include "engine/base/error.h"
#include "harness/measure/paired.h"

namespace bh::suites::perf {
namespace {

/// What a sample may take by our clock, in times asked for: whoever reports less work than this would never get done. A
/// hiccup of the machine is not held against a short turn.
constexpr std::int64_t kMostWall = 20;

}  // namespace

TimedSubject::TimedSubject(harness::Subject& subject, const harness::Clock& clock, Work work)
    : subject_(subject), clock_(clock), work_(std::move(work)) {
  BH_ASSERT(!work_.prompt.empty());
}

/// The first token of an answer comes from the prompt; so one more is asked for than steps are timed.
harness::Timing TimedSubject::ask() {
  const bool decode = work_.decode_tokens > 0;
  harness::Timing timing = subject_.time({work_.prompt, work_.decode_tokens + 1, decode});
  const auto expected = static_cast<std::size_t>(work_.decode_tokens) + 1;
  if (timing.ids.size() != expected) {
    fail(ErrorKind::setup, "{} was asked for {} tokens and gave {}: it cannot be timed", subject_.describe().name,
         expected, timing.ids.size());
  }
  if ((decode ? timing.decode_ns : timing.prefill_ns) <= 0) {
    fail(ErrorKind::setup, "{} says that its work took no time: it cannot be timed", subject_.describe().name);
  }
  return timing;
}

void TimedSubject::warm_up() { ids_ = ask().ids; }

WorkSample TimedSubject::sample(std::int64_t min_ns) {
  BH_ASSERT(!ids_.empty());
  WorkSample sample;
  const std::int64_t start = clock_.steady_ns();
  while (sample.ns < min_ns) {
    const std::int64_t before = clock_.steady_ns();
    if (before - start > kMostWall * std::max(min_ns, harness::kMinSampleNs)) {
      fail(ErrorKind::setup, "{} says that it worked {} ms of {}: it cannot be timed", subject_.describe().name,
           sample.ns / 1'000'000, (before - start) / 1'000'000);
    }
    const harness::Timing timing = ask();
    wall_ns_ += clock_.steady_ns() - before;
    outputs_equal_ = outputs_equal_ && timing.ids == ids_;
    const bool decode = work_.decode_tokens > 0;
    sample.ns += decode ? timing.decode_ns : timing.prefill_ns;
    sample.tokens += decode ? work_.decode_tokens : static_cast<std::int64_t>(work_.prompt.size());
    reported_ns_ += timing.decode_ns + timing.prefill_ns;
    if (decode) {
      sample.parts_ns.insert(sample.parts_ns.end(), timing.step_ns.begin(), timing.step_ns.end());
    } else {
      sample.parts_ns.push_back(timing.prefill_ns);
    }
  }
  sampled_ns_ += sample.ns;
  return sample;
}

double TimedSubject::clock_agreement() const noexcept {
  return wall_ns_ > 0 ? static_cast<double>(reported_ns_) / static_cast<double>(wall_ns_) : 0;
}

double TimedSubject::sampled_share() const noexcept {
  return wall_ns_ > 0 ? static_cast<double>(sampled_ns_) / static_cast<double>(wall_ns_) : 0;
}

}  // namespace bh::suites::perf
