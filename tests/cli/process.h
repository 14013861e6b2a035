// The built binary as a child process with its own streams and environment.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "tests/support/sanitized.h"

namespace bh::test {

struct Finished {
  int code = 0;       ///< 128 + N where signal N ended it, as a shell reports it; -1 where it had to be killed
  bool hung = false;  ///< it did not end within the limit
  std::string out;
  std::string err;
};

struct Start {
  std::vector<std::string> args;
  std::map<std::string, std::string> environment;  ///< added to a bare one: no BITHARNESS_*, HOME is nowhere
  std::string stdout_path;                         ///< written there instead of collected
  std::size_t largest_file = 0;                    ///< no file may grow beyond so many bytes; 0 = no limit
};

/// A running bitharness. Its standard input is an open pipe until finish().
class Process {
 public:
  explicit Process(const Start& start);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const noexcept { return pid_; }
  void signal(int number) const;
  /// Waits until it has written something to its standard output; false if it ends or the time does before.
  bool waits_with_output(int limit_seconds) const;
  /// Writes to its standard input, closes that, and waits.
  Finished finish(const std::string& input = "", int limit_seconds = kSanitized ? 900 : 120);

 private:
  pid_t pid_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
};

/// Runs bitharness with `args` to its end.
Finished bitharness(std::vector<std::string> args, const std::string& input = "");

/// The one line a user should see: true if `err` ends with a single line "bitharness: error: ..." of valid UTF-8.
bool is_one_clear_line(const std::string& err);

}  // namespace bh::test
