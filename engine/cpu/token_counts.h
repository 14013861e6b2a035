// Numbers of tokens that are known only when running, as constants for kernels that keep a sum of each in a register.
#pragma once

#include <cstdint>

namespace bh::engine {
namespace {

template <int kCount>
struct Count {
  static constexpr int value = kCount;
};

/// body(Count<tokens>), for kLeast to kMost tokens.
template <int kLeast, int kMost, class Body>
void with_count(std::int64_t tokens, const Body& body) {
  if constexpr (kLeast < kMost) {
    if (tokens < kMost) return with_count<kLeast, kMost - 1>(tokens, body);
  }
  body(Count<kMost>());
}

/// Cuts at least kLeast tokens into equal parts, as few as hold at most kMost each: body(first, Count<part>) for each.
template <int kLeast, int kMost, class Body>
void in_equal_parts(std::int64_t tokens, const Body& body) {
  static_assert(kLeast <= (kMost + 1) / 2, "the smaller part of kMost + 1 is one of those");
  std::int64_t first = 0;
  for (std::int64_t parts = (tokens + kMost - 1) / kMost; parts > 0; --parts) {
    const std::int64_t part = (tokens - first + parts - 1) / parts;
    with_count<kLeast, kMost>(part, [&](auto count) { body(first, count); });
    first += part;
  }
}

}  // namespace
}  // namespace bh::engine
