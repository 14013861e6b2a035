// The list of fuzz targets: every reader of bytes that strangers write. fuzz_main.cpp drives a row of it with
// libFuzzer, fuzz_test.cpp runs each row's seeds and regressions as an ordinary test.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bh::fuzz {

struct Seed {
  std::string name;  ///< says what is special about it; a file name
  std::string bytes;
};

struct Target {
  std::string_view name;
  /// Reads any bytes. Returns where the reader either accepted them and all it then promises holds, or refused them
  /// with Error(setup). Any exception that comes out is a finding, as is every report of a sanitizer.
  void (*run)(std::span<const std::byte> bytes);
  /// Sound and unsound inputs, made by code: the same ones every time.
  std::vector<Seed> (*seeds)();
  /// Words of the format, for libFuzzer to put into inputs.
  std::vector<std::string> (*words)();
};

std::span<const Target> targets() noexcept;
/// nullptr if there is none of this name.
const Target* find_target(std::string_view name) noexcept;

}  // namespace bh::fuzz
