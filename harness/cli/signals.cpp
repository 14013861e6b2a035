#include "harness/cli/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>

#include "engine/base/error.h"
#include "harness/core/exit_code.h"

namespace bh::harness {

namespace {

sigset_t watched_signals() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  return set;
}

extern "C" void on_bus_error(int) {
  static std::atomic_flag told;  // lock-free, so that a handler may use it
  if (told.test_and_set()) {     // another thread has touched the file, too: it says so for both, and ends the process
    for (;;) ::pause();
  }
  static constexpr char kMessage[] =
      "bitharness: error: the model file changed while in use (it shrank, or its disk failed); start again when it is "
      "complete\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kMessage, sizeof(kMessage) - 1);
  ::_exit(static_cast<int>(ExitCode::setup));
}

std::atomic<int> exit_at_alarm{0};
extern "C" void on_alarm(int) { ::_exit(exit_at_alarm.load()); }

/// A way out that takes no lock. Nothing disarms it: all that is to come is the end of the process.
void exit_after(std::chrono::milliseconds time, int code) noexcept {
  exit_at_alarm.store(code);
  std::signal(SIGALRM, on_alarm);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(time.count() / 1000);
  timer.it_value.tv_usec = static_cast<suseconds_t>(time.count() % 1000 * 1000);
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

SignalWatcher::SignalWatcher(std::chrono::milliseconds grace, std::function<void(int)> end,
                             std::chrono::milliseconds patience)
    : grace_(grace), end_(std::move(end)), patience_(patience) {
  const sigset_t set = watched_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal_fd_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  stop_fd_ = ::eventfd(0, EFD_CLOEXEC);
  if (signal_fd_ < 0 || stop_fd_ < 0) {
    fail(ErrorKind::setup, "cannot watch signals: out of file descriptors; close some or raise 'ulimit -n'");
  }
  thread_ = std::thread([this] { watch(); });
}

SignalWatcher::~SignalWatcher() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(stop_fd_, &one, sizeof(one));
  thread_.join();
  ::close(signal_fd_);
  ::close(stop_fd_);
  const sigset_t set = watched_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void SignalWatcher::end(int signal) {
  exit_after(patience_, kSignalBase + signal);
  end_(signal);
}

void SignalWatcher::watch() {
  using std::chrono::steady_clock;
  steady_clock::time_point deadline;
  for (;;) {
    int timeout_ms = -1;
    if (cancelled()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
      if (left.count() <= 0) return end(signal());
      timeout_ms = static_cast<int>(left.count());
    }
    pollfd files[] = {{signal_fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    if (::poll(files, 2, timeout_ms) <= 0) continue;
    if ((files[1].revents & POLLIN) != 0) return;
    signalfd_siginfo info{};
    if (::read(signal_fd_, &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) continue;
    if (cancelled()) return end(static_cast<int>(info.ssi_signo));
    deadline = steady_clock::now() + grace_;
    signal_.store(static_cast<int>(info.ssi_signo));
  }
}

void install_bus_error_handler() noexcept {
  struct sigaction action {};
  action.sa_handler = on_bus_error;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
}

void ignore_file_size_signal() noexcept { std::signal(SIGXFSZ, SIG_IGN); }

}  // namespace bh::harness
