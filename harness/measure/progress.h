// How far a long measurement is and how long it will still take: a line now and then, none for what is over at once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "harness/core/clock.h"

namespace bh::harness {

class Progress {
 public:
  /// `print` may be empty. `what` names the work: "perf/decode/...".
  Progress(std::function<void(std::string_view)> print, Clock clock, std::string what);

  /// `done` of `total` pieces are through. Prints at most every two seconds.
  void at(std::int64_t done, std::int64_t total);

 private:
  std::function<void(std::string_view)> print_;
  Clock clock_;
  std::string what_;
  std::int64_t start_ns_;
  std::int64_t printed_ns_;
};

/// "45 s", "3 min 20 s"
std::string format_duration(std::int64_t nanoseconds);

}  // namespace bh::harness
