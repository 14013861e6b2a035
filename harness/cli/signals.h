// Signals of a run: SIGINT, SIGTERM and SIGHUP end it in order, SIGBUS says that a mapped file shrank.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

namespace bh::harness {

/// While it lives, SIGINT, SIGTERM and SIGHUP are taken by a thread of its own, so that a case that never returns
/// cannot hold them up. Make it before any other thread: they inherit the mask that leaves the signals to it.
class SignalWatcher {
 public:
  /// The first signal makes cancelled() true. `end(signal)` runs on the watcher's thread once `grace` has passed since
  /// then, or at the second signal. Where the process still lives `patience` later, as where a thread that holds a lock
  /// waits for a full pipe, it ends with 128 + signal as it is.
  SignalWatcher(std::chrono::milliseconds grace, std::function<void(int signal)> end,
                std::chrono::milliseconds patience = std::chrono::seconds(10));
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  bool cancelled() const noexcept { return signal_.load() != 0; }
  int signal() const noexcept { return signal_.load(); }  ///< the first one; 0 = none

 private:
  void watch();
  void end(int signal);

  std::chrono::milliseconds grace_;
  std::function<void(int)> end_;
  std::chrono::milliseconds patience_;
  std::atomic<int> signal_{0};
  int signal_fd_ = -1;
  int stop_fd_ = -1;
  std::thread thread_;
};

/// Reading a mapped file that has been truncated raises SIGBUS: one line and exit 4, with async-signal-safe calls only.
void install_bus_error_handler() noexcept;

/// Writing beyond the limit on file sizes (ulimit -f) then fails like a full disk instead of ending the process.
void ignore_file_size_signal() noexcept;

}  // namespace bh::harness
