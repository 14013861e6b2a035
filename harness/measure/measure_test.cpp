// Clocks and the environment fingerprint.
#include "harness/measure/clock.h"
#include "harness/measure/environment.h"
#include "tests/support/catch.h"

using namespace bh::harness;

TEST_CASE("times are written as RFC 3339 in UTC, before 1970 too") {
  CHECK(format_utc(0) == "1970-01-01T00:00:00.000Z");
  CHECK(format_utc(1'709'210'096'789) == "2024-02-29T12:34:56.789Z");
  CHECK(format_utc(-1) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("the steady clock does not go back, and the UTC clock has the form of a timestamp") {
  const Clock clock = system_clock();
  const auto before = clock.steady_ns();
  CHECK(clock.steady_ns() >= before);
  const std::string now = clock.utc_now();
  REQUIRE(now.size() == 24);
  CHECK(now[10] == 'T');
  CHECK(now.back() == 'Z');
}

TEST_CASE("the environment names machine and build") {
  const Environment e = read_environment();
  CHECK(e.bitharness_version == version());
  CHECK_FALSE(e.compiler.empty());
  CHECK_FALSE(e.architecture.empty());
  CHECK_FALSE(e.os.empty());
  CHECK(e.usable_cores >= 1);
  CHECK(e.logical_cores >= e.usable_cores);
  CHECK(e.memory_bytes > 0);
}
