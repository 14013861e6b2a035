#include "harness/measure/clock.h"

#include <fmt/format.h>

#include <chrono>
#include <ctime>

namespace bh::harness {

std::string format_utc(std::int64_t unix_ms) {
  std::int64_t seconds = unix_ms / 1000;
  std::int64_t milliseconds = unix_ms % 1000;
  if (milliseconds < 0) {
    milliseconds += 1000;
    --seconds;
  }
  const std::time_t time = seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, milliseconds);
}

Clock system_clock() {
  using namespace std::chrono;
  return {[] { return std::int64_t{duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count()}; },
          [] {
            return format_utc(duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
          }};
}

}  // namespace bh::harness
