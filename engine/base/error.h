// The one exception type of the project. Expected outcomes are values; an Error ends a case or a run.
// Caught in two places only: around each case and in run_cli (harness/cli/run.cpp).
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace bh {

/// Who has to act: usage = the caller's words, setup = a file, device or machine, policy = a rule was violated
/// (strict mode), internal = a bug of ours. run_cli maps each kind to its exit code.
enum class ErrorKind { usage, setup, policy, internal };

/// `text` as one line that is safe on any terminal: control characters and bytes that are not UTF-8, which a damaged or
/// hostile file can bring into a message, as \xNN; cut where it is absurdly long.
std::string one_line(std::string_view text);

/// The message says what was tried, what went wrong and what to do, on one line.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string_view message) : std::runtime_error(one_line(message)), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

/// Throws Error(kind) with a formatted message.
template <class... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace bh

/// Checks an invariant of ours outside hot paths: throws Error(internal). Inside noexcept hot paths use
/// BH_DEBUG_ASSERT.
#define BH_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::bh::assertion_failed(#expression, __FILE__, __LINE__))

#ifdef NDEBUG
#define BH_DEBUG_ASSERT(expression) static_cast<void>(0)
#else
#define BH_DEBUG_ASSERT(expression) BH_ASSERT(expression)
#endif
