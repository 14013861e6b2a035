// The exit codes of bitharness, once: the enum, the words of --help and the README, the order in which they apply.
#pragma once

#include <span>
#include <string_view>

#include "engine/base/error.h"

namespace bh::harness {

/// A run ended by signal N exits with kSignalBase + N after flushing.
enum class ExitCode {
  ok = 0,
  failed = 1,
  usage = 2,
  inconclusive = 3,
  setup = 4,
  internal = 5,
  strict = 8,
};

inline constexpr int kSignalBase = 128;

struct ExitCodeRow {
  std::string_view code;  ///< "128+N" is not one number
  std::string_view meaning;
};

/// In the order in which they apply.
std::span<const ExitCodeRow> exit_code_rows() noexcept;

ExitCode exit_code_of(ErrorKind kind) noexcept;
std::string_view to_string(ErrorKind kind) noexcept;

}  // namespace bh::harness
