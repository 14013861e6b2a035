// The bytes of TernaryLayout::trits: five codes of 0 to 2 in each, numbered so that tables of 64 entries decode them.
#pragma once

#include <cstdint>

namespace bh::engine {

inline constexpr int kTritNumbers = 243;

/// The byte of a number below kTritNumbers whose digits in base 3 are the fields, the lowest first. Fields 0 and 1 are
/// pair a, that is field 0 + 3 * field 1, fields 2 and 3 pair b. Decoding asks only for the six lower and the six upper
/// bits, by themselves:
///
///   fields 0 to 3 = lower[lower six] + upper[upper six] modulo 256, two bits each;   field 4 = fifth[upper six]
///
/// Below 192 the six lower bits number the couple (a, b), the two upper ones are field 4, and upper is 0. That numbers
/// 64 of the 81 couples. The others are those of a < 8 with b = 6 or 7, and (8, 8). They borrow the six lower bits of
/// another couple, and upper adds the difference. For b = 6 or 7 that couple has the same a, so one entry of upper
/// serves four neighbouring bytes; each byte of (8, 8) has an entry to itself.
constexpr std::uint8_t trit_byte(int number) noexcept {
  const int a = number % 9, b = number / 9 % 9, fifth = number / 81;
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
