// Reading a long stream of memory as fast as it comes.
#pragma once

#include <cstddef>

namespace bh {

/// How many bytes before they are read the lines of a stream are fetched: into the first cache, and earlier into the
/// second.
struct StreamAhead {
  std::ptrdiff_t first, second;
};
/// What is fastest on this CPU. It decides speed only, so it is a global and not an argument; in constructors of static
/// objects it may still be 0.
extern const StreamAhead kStreamAhead;
extern const StreamAhead kBareStreamAhead;  ///< where next to nothing is done with what is read

namespace {  // each object file its own copy: some are compiled for instruction sets that not every CPU has

inline void prefetch_into_second_cache(const void* line) noexcept {
  constexpr int kRead = 0, kSecond = 2;
  __builtin_prefetch(line, kRead, kSecond);
}

/// Called once for each cache line of a stream as it is read. What is read next comes into the first cache; what is
/// read later only into the second one, for the first can have too few lines on their way to make up for the latency
/// of memory.
inline void prefetch_stream(const void* line, const StreamAhead& ahead = kStreamAhead) noexcept {
  constexpr int kRead = 0, kFirst = 3;
  const char* const at = static_cast<const char*>(line);
  __builtin_prefetch(at + ahead.first, kRead, kFirst);
  prefetch_into_second_cache(at + ahead.second);
}

/// The same for several lines.
inline void prefetch_stream(const void* lines, std::ptrdiff_t bytes, const StreamAhead& ahead = kStreamAhead) noexcept {
  for (std::ptrdiff_t at = 0; at < bytes; at += 64) prefetch_stream(static_cast<const char*>(lines) + at, ahead);
}

}  // namespace
}  // namespace bh
