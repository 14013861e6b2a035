// Programs run as children: for the reference, for other builds, for servers. The only use of Boost.Process. A child
// gets a process group of its own, default signals and no open file of ours but its three pipes. Whatever happens, it
// and all that it started are gone when the object is gone, or when this process is: harness/io/keeper.h sees to that.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bh::harness {

struct Command {
  std::filesystem::path program;
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;  ///< added to ours
  bool prints_log = false;                         ///< its stdout goes where its stderr goes: a server's
  std::string line() const;                        ///< quoted for a shell
};

/// How a child ended.
enum class Ending { running, exited, signalled, timed_out, cancelled, flooded, not_started };
std::string_view to_string(Ending ending) noexcept;

struct ChildStatus {
  Ending ending = Ending::running;
  int exit_code = 0;                   ///< of exited
  int signal = 0;                      ///< of signalled
  bool stopped_by_us = false;          ///< it did not end by itself: finish() had to send the signal
  std::chrono::milliseconds limit{0};  ///< that a timed_out one went beyond
  std::string last_words;              ///< the last 16 KiB of its stderr, valid UTF-8; why, of not_started
  std::string describe() const;        ///< "ended by signal 11 (Segmentation fault)", "took longer than 30 s"
  std::string explain() const;         ///< describe(), and the last lines of its last words where there are any
};

struct ChildLimits {
  std::chrono::milliseconds time{0};                      ///< of one read or of a whole run_to_end; 0 = none
  std::uint64_t output_bytes = std::uint64_t{256} << 20;  ///< of run_to_end; more is Ending::flooded; 0 = none
  std::chrono::milliseconds grace{2000};                  ///< to end by itself, and again between SIGTERM and SIGKILL
  std::function<bool()> cancelled;                        ///< a signal has asked the run to end
};

/// A child one talks to through pipes. stderr is drained on a thread of its own, its last 16 KiB are kept. Not
/// thread-safe. `program` without a slash is looked for in PATH.
class Child {
 public:
  /// Throws Error(setup) where the program cannot be started.
  Child(const Command& command, const ChildLimits& limits);
  ~Child();  ///< ends the whole group
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Up to `size` bytes of its stdout; 0 where it was closed or the child has ended and all was read, or where status()
  /// says why not (timed_out, cancelled).
  std::size_t read(char* data, std::size_t size);
  /// Throws Error(setup) where the child does not take it within the time limit or is gone.
  void write(std::string_view bytes);
  void close_stdin() noexcept;
  /// Stops its process group until resume(), or the next read, write or finish, and waits for that a moment: threads
  /// that go on turning for a while, as those of OpenMP do, would take time from what is measured next.
  void pause() noexcept;
  void resume() noexcept;

  /// The end of stdin, grace (none after timed_out or cancelled), SIGTERM, grace, SIGKILL; its descendants with it.
  /// Then how the child itself ended, or timed_out or cancelled where that came first.
  ChildStatus finish() noexcept;
  ChildStatus status();  ///< without waiting
  int pid() const noexcept;

 private:
  friend struct Finished run_to_end(const Command& command, const ChildLimits& limits);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Pauses a child, if there is one, at the end of a piece of work: others may be timed next.
class PausedAfterwards {
 public:
  explicit PausedAfterwards(Child* child) noexcept : child_(child) {}
  ~PausedAfterwards() {
    if (child_ != nullptr) child_->pause();
  }
  PausedAfterwards(const PausedAfterwards&) = delete;
  PausedAfterwards& operator=(const PausedAfterwards&) = delete;

 private:
  Child* child_;
};

struct Finished {
  ChildStatus status;
  std::string output;  ///< its stdout
  std::int64_t duration_ns = 0;
};

/// Runs a program to its end with nothing on its stdin. Never throws for what the program does: one that cannot be
/// started is Ending::not_started.
Finished run_to_end(const Command& command, const ChildLimits& limits);

}  // namespace bh::harness
