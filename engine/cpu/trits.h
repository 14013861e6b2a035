// The bytes of TernaryLayout::trits: five codes of 0 to 2 in each, numbered so that tables of 64 entries decode them.
#pragma once

#include <cstdint>

namespace bh::engine {

/// The byte whose fields 0 and 1 are pair `a`, that is field 0 + 3 * field 1, fields 2 and 3 pair `b`, and field 4
/// `fifth`. Decoding asks only for the six lower and the six upper bits, by themselves:
///
///   fields 0 to 3 = x[lower six] + y[upper six], each two bits of a byte;   field 4 = z[upper six]
///
/// Below 192 the six lower bits are the number of the pairs, the two upper ones field 4, and y is 0. That leaves 17 of
/// the 81 couples of pairs: those with b = 6 and 7, which y makes of four bytes with another b and the same a's, and
/// (8, 8).
constexpr std::uint8_t trit_byte(int a, int b, int fifth) noexcept {
  int byte = 0;
  if (a == 8 && b == 8) {
    byte = 192 + 48 + 4 * fifth;
  } else if (a == 8) {
    byte = 64 * fifth + 56 + b;
  } else if (b == 8) {
    byte = 64 * fifth + 48 + a;
  } else if (b >= 6) {
    byte = 192 + 8 * (3 * (b - 6) + fifth) + a;
  } else {
    byte = 64 * fifth + 8 * b + a;
  }
  return static_cast<std::uint8_t>(byte);
}

}  // namespace bh::engine
