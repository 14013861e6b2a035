#include "tests/cli/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <stdexcept>

#include "harness/core/text.h"
#include "tests/support/paths.h"

namespace bh::test {

namespace {

using std::chrono::steady_clock;

struct Pipe {
  int read_end = -1, write_end = -1;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    read_end = ends[0];
    write_end = ends[1];
  }
};

void close_once(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

/// Between fork and exec: system calls only.
[[noreturn]] void become_bitharness(char* const* argv, char* const* environment, const Pipe& in, const Pipe& out,
                                    const Pipe& err, const Start& start) {
  const int out_fd =
      start.stdout_path.empty() ? out.write_end : ::open(start.stdout_path.c_str(), O_WRONLY | O_CLOEXEC);
  ::dup2(in.read_end, STDIN_FILENO);
  ::dup2(out_fd, STDOUT_FILENO);
  ::dup2(err.write_end, STDERR_FILENO);
  if (start.largest_file != 0) {
    const rlimit limit{start.largest_file, start.largest_file};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ::execve(bh::test::kBinary, argv, environment);
  ::_exit(127);
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> all;
  for (std::string& string : strings) all.push_back(string.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

Process::Process(const Start& start) {
  std::signal(SIGPIPE, SIG_IGN);
  std::vector<std::string> args = start.args;
  args.insert(args.begin(), "bitharness");
  std::vector<std::string> environment = {"HOME=/nonexistent", "PATH=/usr/bin:/bin"};
  for (const char* name : {"ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name)) environment.push_back(std::string(name) + "=" + value);
  }
  for (const auto& [name, value] : start.environment) environment.push_back(name + "=" + value);
  const auto argv = pointers(args);
  const auto envp = pointers(environment);
  const Pipe in, out, err;
  pid_ = ::fork();
  if (pid_ == 0) become_bitharness(argv.data(), envp.data(), in, out, err, start);
  ::close(in.read_end);
  ::close(out.write_end);
  ::close(err.write_end);
  in_ = in.write_end;
  out_ = out.read_end;
  err_ = err.read_end;
  if (pid_ < 0) throw std::runtime_error("fork");
}

Process::~Process() {
  close_once(in_);
  close_once(out_);
  close_once(err_);
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

void Process::signal(int number) const { ::kill(pid_, number); }

bool Process::waits_with_output(int limit_seconds) const {
  pollfd file{out_, POLLIN, 0};
  return ::poll(&file, 1, limit_seconds * 1000) > 0 && (file.revents & POLLIN) != 0;
}

Finished Process::finish(const std::string& input, int limit_seconds) {
  Finished result;
  const auto deadline = steady_clock::now() + std::chrono::seconds(limit_seconds);
  std::size_t sent = 0;
  if (input.empty()) close_once(in_);
  while (out_ >= 0 || err_ >= 0) {
    pollfd files[] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}, {in_, POLLOUT, 0}};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) {
      result.hung = true;
      ::kill(pid_, SIGKILL);
      break;
    }
    if (::poll(files, 3, static_cast<int>(left)) <= 0) continue;
    const auto take = [](int& fd, std::string& text) {
      char block[1 << 16];
      const ssize_t got = ::read(fd, block, sizeof(block));
      if (got > 0) text.append(block, static_cast<std::size_t>(got));
      if (got == 0 || (got < 0 && errno != EINTR)) close_once(fd);
    };
    if (files[0].revents != 0) take(out_, result.out);
    if (files[1].revents != 0) take(err_, result.err);
    if (files[2].revents != 0) {
      const ssize_t written = ::write(in_, input.data() + sent, std::min<std::size_t>(input.size() - sent, 4096));
      if (written > 0) sent += static_cast<std::size_t>(written);
      if (written < 0 || sent == input.size()) close_once(in_);
    }
  }
  close_once(in_);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  result.code = result.hung ? -1 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

Finished bitharness(std::vector<std::string> args, const std::string& input) {
  return Process({std::move(args), {}, ""}).finish(input);
}

bool is_one_clear_line(const std::string& err) {
  const auto at = err.find("bitharness: error: ");
  if (at == std::string::npos || (at > 0 && err[at - 1] != '\n')) return false;
  const std::string line = err.substr(at);
  return std::count(line.begin(), line.end(), '\n') == 1 && line.back() == '\n' && line.size() > 40 &&
         harness::to_valid_utf8(line) == line;
}

}  // namespace bh::test
