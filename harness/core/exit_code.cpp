#include "harness/core/exit_code.h"

#include <array>

namespace bh::harness {

namespace {
constexpr std::array kRows = {
    ExitCodeRow{"128+N", "ended by signal N, after what was finished had been written"},
    ExitCodeRow{"5", "a bug in bitharness itself; please report it"},
    ExitCodeRow{"4", "set-up: a model, device, file or the network cannot be used"},
    ExitCodeRow{"8", "--strict was violated: a mock, a fallback kernel, a suspicious weight, a required skip"},
    ExitCodeRow{"1", "a case failed, regressed or ended in an error"},
    ExitCodeRow{"3", "inconclusive: a required case was skipped or untrusted, or nothing ran"},
    ExitCodeRow{"2", "the command line is wrong; nothing was done"},
    ExitCodeRow{"0", "everything required passed (warnings allowed)"},
};
}  // namespace

std::span<const ExitCodeRow> exit_code_rows() noexcept { return kRows; }

ExitCode exit_code_of(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::usage:
      return ExitCode::usage;
    case ErrorKind::setup:
      return ExitCode::setup;
    case ErrorKind::policy:
      return ExitCode::strict;
    case ErrorKind::internal:
      return ExitCode::internal;
  }
  return ExitCode::internal;
}

std::string_view to_string(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::setup:
      return "setup";
    case ErrorKind::policy:
      return "policy";
    case ErrorKind::internal:
      return "internal";
  }
  return "internal";
}

}  // namespace bh::harness
