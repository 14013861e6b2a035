#include "harness/measure/progress.h"

#include <fmt/format.h>

namespace bh::harness {

namespace {
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kQuiet = 2 * kSecond;
}  // namespace

Progress::Progress(std::function<void(std::string_view)> print, Clock clock, std::string what)
    : print_(std::move(print)),
      clock_(std::move(clock)),
      what_(std::move(what)),
      start_ns_(clock_.steady_ns()),
      printed_ns_(start_ns_) {}

void Progress::at(std::int64_t done, std::int64_t total) {
  const std::int64_t now = clock_.steady_ns();
  if (!print_ || done <= 0 || done >= total || now - printed_ns_ < kQuiet) return;
  printed_ns_ = now;
  const double per_piece = static_cast<double>(now - start_ns_) / static_cast<double>(done);
  const auto left = static_cast<std::int64_t>(per_piece * static_cast<double>(total - done));
  print_(fmt::format("{}: {} of {}, about {} left", what_, done, total, format_duration(left)));
}

std::string format_duration(std::int64_t nanoseconds) {
  const std::int64_t seconds = (nanoseconds + kSecond / 2) / kSecond;
  if (seconds < 60) return fmt::format("{} s", seconds);
  return fmt::format("{} min {} s", seconds / 60, seconds % 60);
}

}  // namespace bh::harness
