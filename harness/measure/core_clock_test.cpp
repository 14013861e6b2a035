#include "harness/measure/core_clock.h"

#include "harness/measure/clock.h"
#include "tests/support/catch.h"

using namespace bh::harness;

TEST_CASE("the core's clock is the fastest of several chains: a disturbed one does not count") {
  std::int64_t now = 0, look = 0;
  // Looks at the clock: the end, then before and after each chain and once for the end. The second chain is disturbed.
  const Clock clock{[&] { return now += ++look == 6 ? 90'000 : 10'000; }, {}};
  const double undisturbed = core_clock_hz(20'000, clock);
  now = look = 0;
  CHECK(core_clock_hz(200'000, clock) == undisturbed);
}

TEST_CASE("the clock of this machine is plausible") {
  const double hertz = core_clock_hz(2'000'000, system_clock());
  CHECK(hertz > 1e8);
  CHECK(hertz < 1e10);
}
