#include "harness/measure/bandwidth.h"

#include "harness/measure/clock.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::harness;

TEST_CASE("The bandwidth probe reads every word of its working set") {
  for (const int threads : {1, 2, 3}) {
    BandwidthProbe probe(3'000'000, threads);
    const std::uint64_t words = probe.working_set_bytes() / 8;
    CHECK(probe.working_set_bytes() >= 3'000'000);
    CHECK(probe.checksum() == words * (words - 1) / 2);
  }
}

TEST_CASE("A bandwidth sample is the bytes of whole passes over the time they took") {
  BandwidthProbe probe(1 << 20, 1);
  std::int64_t now = 0;
  const Clock clock{[&] { return now += 40'000'000; }, {}};  // each look at the clock is 40 ms later
  const double bytes_per_second = probe.sample(100'000'000, clock);
  // Three passes: 40, 80 and 120 ms after the start.
  CHECK(bytes_per_second == Approx(3.0 * static_cast<double>(probe.working_set_bytes()) / 0.120));
}

TEST_CASE("The bandwidth of this machine is plausible") {
  BandwidthProbe probe(8 << 20, 1);
  const double bytes_per_second = probe.sample(10'000'000, system_clock());
  CHECK(bytes_per_second > 1e8);
  CHECK(bytes_per_second < 1e13);
}
