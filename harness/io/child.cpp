#include "harness/io/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/env.hpp>
#include <boost/process/environment.hpp>
#include <boost/process/error.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/posix.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "engine/base/error.h"
#include "harness/core/text.h"
#include "harness/io/keeper.h"
#include "harness/io/pipes.h"

namespace bh::harness {

namespace bp = boost::process;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds kSlice{50};  ///< between two questions whether we are to stop

struct Ends {
  Fd read, write;
};

[[noreturn]] void no_descriptors(const Command& command) {
  fail(ErrorKind::setup, "cannot start {}: {}; close some or raise 'ulimit -n'", command.line(), std::strerror(errno));
}

Ends make_pipe(const Command& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) no_descriptors(command);
  return {Fd(ends[0]), Fd(ends[1])};
}

/// Were one of 0, 1, 2 closed, a pipe could take its place and be overwritten on the way to the child.
void keep_standard_streams_taken() noexcept {
  int fd = 0;
  while ((fd = ::open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0 && fd <= STDERR_FILENO) {
  }
  if (fd > STDERR_FILENO) ::close(fd);
}

/// As a shell does it. Boost's own search would link Boost.Filesystem for this alone.
std::string search_path(const std::string& program) {
  const char* const variable = std::getenv("PATH");
  std::string_view rest = variable == nullptr ? "/usr/local/bin:/usr/bin:/bin" : variable;
  while (!rest.empty()) {
    const auto colon = std::min(rest.find(':'), rest.size());
    const std::filesystem::path path = std::filesystem::path(rest.substr(0, colon)) / program;
    std::error_code ec;
    if (std::filesystem::is_regular_file(path, ec) && ::access(path.c_str(), X_OK) == 0) return path;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return {};
}

std::string find_program(const Command& command) {
  std::string program = command.program.string();
  if (program.find('/') == std::string::npos) program = search_path(program);
  std::error_code ec;
  if (program.empty() || !std::filesystem::exists(program, ec)) {
    fail(ErrorKind::setup, "cannot start {}: there is no such program; check the path", command.line());
  }
  if (std::filesystem::is_directory(program, ec)) {
    fail(ErrorKind::setup, "cannot start {}: it is a folder, not a program", command.line());
  }
  return program;
}

std::string reason_of(int error) {
  if (error == EACCES) return "it is not executable; use 'chmod +x' or check the path";
  if (error == ENOEXEC) return "it is no program that this system can run";
  return fmt::format("{}; check that it runs by itself", std::strerror(error));
}

}  // namespace

std::string Command::line() const {
  std::string text = shell_quote(program.string());
  for (const std::string& argument : arguments) text += " " + shell_quote(argument);
  return text;
}

std::string_view to_string(Ending ending) noexcept {
  switch (ending) {
    case Ending::running:
      return "running";
    case Ending::exited:
      return "exited";
    case Ending::signalled:
      return "signalled";
    case Ending::timed_out:
      return "timed_out";
    case Ending::cancelled:
      return "cancelled";
    case Ending::flooded:
      return "flooded";
    case Ending::not_started:
      return "not_started";
  }
  return "unknown";
}

std::string ChildStatus::describe() const {
  switch (ending) {
    case Ending::running:
      return "is still running";
    case Ending::exited:
      return fmt::format("exited with code {}", exit_code);
    case Ending::signalled:
      if (stopped_by_us) return fmt::format("did not end by itself and was ended by signal {}", signal);
      return fmt::format("ended by signal {} ({})", signal, ::strsignal(signal));
    case Ending::timed_out:
      return fmt::format("took longer than {} s", static_cast<double>(limit.count()) / 1000);
    case Ending::cancelled:
      return "was stopped because the run was cancelled";
    case Ending::flooded:
      return "printed more than the limit and was stopped";
    case Ending::not_started:
      return "could not be started";
  }
  return "ended in an unknown way";
}

std::string ChildStatus::explain() const {
  constexpr int kLines = 4;
  std::string_view words = last_words;
  while (!words.empty() && (words.back() == '\n' || words.back() == '\r')) words.remove_suffix(1);
  if (words.empty()) return describe();
  auto begin = words.size();
  for (int line = 0; line < kLines && begin != std::string_view::npos && begin > 0; ++line) {
    begin = words.rfind('\n', begin - 1);
  }
  if (begin != std::string_view::npos && begin > 0) words.remove_prefix(begin + 1);
  std::string text;
  for (const char c : words) c == '\n' ? text += " | " : text += c;
  return describe() + "; its last words: " + text;
}

struct Child::Impl {
  ChildLimits limits;
  pid_t pid = 0;
  bool finished = false;
  bool paused = false;
  ChildStatus status;
  Ending stopped = Ending::running;                     ///< timed_out or cancelled: why we gave up
  bool ended = false;                                   ///< the child itself; status says how
  std::optional<steady_clock::time_point> last_moment;  ///< of everything; without, each read and write has limits.time
  Fd in, out, control;
  std::optional<TailReader> err;
  bp::child keeper;

  void start(const Command& command);
  void order(KeeperOrder order) noexcept;
  void receive(int timeout_ms) noexcept;
  bool wait_for_end(milliseconds time) noexcept;
  void stop_keeper() noexcept;
  bool must_stop(const std::optional<steady_clock::time_point>& deadline);
  std::optional<steady_clock::time_point> deadline() const {
    if (last_moment || limits.time.count() == 0) return last_moment;
    return steady_clock::now() + limits.time;
  }
};

void Child::Impl::start(const Command& command) {
  const std::string program = find_program(command);
  keep_standard_streams_taken();
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) no_descriptors(command);
  control = Fd(sockets[0]);
  Fd keeper_control(sockets[1]);
  Ends stdin_pipe = make_pipe(command), stdout_pipe = make_pipe(command), stderr_pipe = make_pipe(command);

  bp::environment environment = boost::this_process::environment();
  for (const auto& [name, value] : command.environment) environment[name] = value;
  std::error_code ec;
  pid_t keeper_pid = -1;
  keeper = bp::child(bp::exe = program, bp::args = command.arguments, environment, ec,
                     bp::posix::fd.bind(STDIN_FILENO, stdin_pipe.read.get()),
                     bp::posix::fd.bind(STDOUT_FILENO, (command.prints_log ? stderr_pipe : stdout_pipe).write.get()),
                     bp::posix::fd.bind(STDERR_FILENO, stderr_pipe.write.get()),
                     bp::extend::on_exec_setup([fd = keeper_control.get()](auto& executor) {
                       if (const int error = become_kept_child(fd); error != 0) {
                         executor.set_error(std::error_code(error, std::system_category()), "fork");
                         ::_exit(EXIT_FAILURE);
                       }
                     }),
                     bp::extend::on_error([&](auto& executor, const std::error_code&) { keeper_pid = executor.pid; }));
  keeper_control.reset();
  if (ec) {
    control.reset();
    if (keeper_pid > 0) ::waitpid(keeper_pid, nullptr, 0);
    fail(ErrorKind::setup, "cannot start {}: {}", command.line(), reason_of(ec.value()));
  }
  in = std::move(stdin_pipe.write);
  out = std::move(stdout_pipe.read);
  ::fcntl(in.get(), F_SETFL, O_NONBLOCK);
  err.emplace(std::move(stderr_pipe.read));
  receive(-1);
}

void Child::Impl::order(KeeperOrder order) noexcept {
  ::send(control.get(), &order, sizeof(order), MSG_NOSIGNAL);
  paused = order == KeeperOrder::pause;
}

/// Takes one message of the keeper, if there is one in time.
void Child::Impl::receive(int timeout_ms) noexcept {
  pollfd file{control.get(), POLLIN, 0};
  if (ended || ::poll(&file, 1, timeout_ms) <= 0) return;
  KeeperMessage message;
  if (::recv(control.get(), &message, sizeof(message), 0) != static_cast<ssize_t>(sizeof(message))) {
    // The keeper is gone without a word: it was killed, and its child with it.
    message = {pid, SIGKILL, true};
  }
  pid = message.pid;
  if (!message.ended) return;
  ended = true;
  status.ending = WIFSIGNALED(message.status) ? Ending::signalled : Ending::exited;
  if (WIFSIGNALED(message.status)) status.signal = WTERMSIG(message.status);
  if (WIFEXITED(message.status)) status.exit_code = WEXITSTATUS(message.status);
}

/// Waits for the child's end; what it still prints is read and dropped, so that a full pipe does not hold it up.
bool Child::Impl::wait_for_end(milliseconds time) noexcept {
  const auto until = steady_clock::now() + time;
  std::array<char, 16384> dropped;
  bool open = out.get() >= 0;
  while (!ended) {
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd files[] = {{control.get(), POLLIN, 0}, {open ? out.get() : -1, POLLIN, 0}};
    if (::poll(files, 2, static_cast<int>(left.count())) <= 0) continue;
    if (files[1].revents != 0) open = ::read(out.get(), dropped.data(), dropped.size()) > 0;
    if (files[0].revents != 0) receive(0);
  }
  return true;
}

/// The keeper ends all that is left, tells how the child ended, and goes.
void Child::Impl::stop_keeper() noexcept {
  constexpr milliseconds kPatience{10'000};  // only a process stuck in the kernel outlasts SIGKILL
  ::shutdown(control.get(), SHUT_WR);
  wait_for_end(kPatience);
  ended = true;
  std::error_code ec;
  pollfd file{control.get(), POLLIN, 0};
  if (::poll(&file, 1, static_cast<int>(kPatience.count())) <= 0) keeper.terminate(ec);
  keeper.wait(ec);
}

bool Child::Impl::must_stop(const std::optional<steady_clock::time_point>& deadline) {
  if (limits.cancelled && limits.cancelled()) stopped = Ending::cancelled;
  if (deadline && steady_clock::now() >= *deadline) stopped = Ending::timed_out;
  return stopped != Ending::running;
}

Child::Child(const Command& command, const ChildLimits& limits) : impl_(std::make_unique<Impl>()) {
  impl_->limits = limits;
  impl_->start(command);
}

Child::~Child() { finish(); }

int Child::pid() const noexcept { return impl_->pid; }

void Child::pause() noexcept {
  constexpr int kPatienceMs = 100;  // it works on for a moment where every core is busy
  Impl& self = *impl_;
  if (self.finished || self.ended || self.paused) return;
  self.order(KeeperOrder::pause);
  self.receive(kPatienceMs);
}

void Child::resume() noexcept {
  if (impl_->paused) impl_->order(KeeperOrder::resume);
}

std::size_t Child::read(char* data, std::size_t size) {
  Impl& self = *impl_;
  resume();
  const auto deadline = self.deadline();
  while (self.out.get() >= 0 && self.stopped == Ending::running) {
    pollfd files[] = {{self.out.get(), POLLIN, 0}, {self.ended ? -1 : self.control.get(), POLLIN, 0}};
    const int ready = ::poll(files, 2, self.ended ? 0 : static_cast<int>(kSlice.count()));
    if (ready > 0 && files[0].revents != 0) {
      const ssize_t got = ::read(self.out.get(), data, size);
      if (got >= 0) return static_cast<std::size_t>(got);
      continue;
    }
    // It has ended and nothing is left to read: a grandchild that still holds the pipe is not waited for.
    if (self.ended) return 0;
    if (ready > 0) self.receive(0);
    if (self.must_stop(deadline)) return 0;
  }
  return 0;
}

void Child::write(std::string_view bytes) {
  Impl& self = *impl_;
  resume();
  const auto deadline = self.deadline();
  const NoPipeSignal guard;
  while (!bytes.empty()) {
    if (self.in.get() < 0 || self.stopped != Ending::running) break;
    const ssize_t put = ::write(self.in.get(), bytes.data(), bytes.size());
    if (put >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(put));
      continue;
    }
    if (errno == EPIPE) {
      close_stdin();
      break;
    }
    pollfd file{self.in.get(), POLLOUT, 0};
    if (::poll(&file, 1, static_cast<int>(kSlice.count())) <= 0 && self.must_stop(deadline)) break;
  }
  if (bytes.empty()) return;
  if (self.stopped == Ending::running) self.wait_for_end(milliseconds(200));  // its end may be on the way to us
  const bool deaf = !self.ended && self.stopped == Ending::running;
  fail(ErrorKind::setup, "cannot send to process {}: it {}", self.pid,
       deaf ? std::string("has closed its input") : finish().explain());
}

void Child::close_stdin() noexcept { impl_->in.reset(); }

ChildStatus Child::status() {
  Impl& self = *impl_;
  if (!self.finished) self.receive(0);
  ChildStatus status = self.status;
  if (self.stopped != Ending::running) status.ending = self.stopped;
  status.limit = self.limits.time;
  status.last_words = self.err->text();
  return status;
}

ChildStatus Child::finish() noexcept {
  Impl& self = *impl_;
  if (self.finished || !self.err) return status();
  resume();
  close_stdin();
  if (self.stopped != Ending::running || !self.wait_for_end(self.limits.grace)) {
    self.receive(0);
    self.status.stopped_by_us = !self.ended;
    self.order(KeeperOrder::terminate);
    self.wait_for_end(self.limits.grace);
  }
  self.stop_keeper();
  self.err->finish();
  self.out.reset();
  self.finished = true;
  return status();
}

Finished run_to_end(const Command& command, const ChildLimits& limits) {
  Finished finished;
  const auto start = steady_clock::now();
  try {
    Child child(command, limits);
    child.close_stdin();
    if (limits.time.count() > 0) child.impl_->last_moment = start + limits.time;
    std::string chunk(64 * 1024, '\0');
    while (const std::size_t size = child.read(chunk.data(), chunk.size())) {
      finished.output.append(chunk, 0, size);
      if (limits.output_bytes == 0 || finished.output.size() <= limits.output_bytes) continue;
      finished.output.resize(limits.output_bytes);
      child.impl_->stopped = Ending::flooded;
    }
    // It may have closed its stdout and work on.
    while (child.impl_->stopped == Ending::running && !child.impl_->wait_for_end(kSlice)) {
      child.impl_->must_stop(child.impl_->last_moment);
    }
    finished.status = child.finish();
  } catch (const Error& error) {
    finished.status.ending = Ending::not_started;
    finished.status.last_words = error.what();
  }
  finished.duration_ns = std::chrono::nanoseconds(steady_clock::now() - start).count();
  return finished;
}

}  // namespace bh::harness
