#include "harness/io/keeper.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <initializer_list>

namespace bh::harness {

namespace {

/// What getdents64(2) fills a buffer with.
struct DirectoryEntry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t length;
  std::uint8_t type;
  char name[1];
};

void close_or_mark(int first, bool mark) noexcept {
#ifdef CLOSE_RANGE_CLOEXEC
  if (::close_range(static_cast<unsigned>(first), ~0U, mark ? CLOSE_RANGE_CLOEXEC : 0) == 0) return;
#endif
  const long open_max = ::sysconf(_SC_OPEN_MAX);
  for (int fd = first; fd < open_max; ++fd) mark ? ::fcntl(fd, F_SETFD, FD_CLOEXEC) : ::close(fd);
}

pid_t parse_pid(const char* text) noexcept {
  pid_t pid = 0;
  for (; *text >= '0' && *text <= '9'; ++text) pid = pid * 10 + (*text - '0');
  return *text == '\0' || *text == ' ' ? pid : 0;
}

/// The parent of a process; 0 where it cannot be told. /proc/PID/stat reads "PID (NAME) STATE PPID ...".
pid_t parent_of(int proc, const char* pid) noexcept {
  char path[32] = {};
  std::strncpy(path, pid, 16);
  std::strcat(path, "/stat");
  const int fd = ::openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[512];
  const ssize_t size = ::read(fd, text, sizeof(text) - 1);
  ::close(fd);
  if (size <= 0) return 0;
  text[size] = '\0';
  const char* const name_end = std::strrchr(text, ')');
  if (name_end == nullptr || std::strlen(name_end) < 5) return 0;
  return parse_pid(name_end + 4);
}

void kill_children() noexcept {
  const int proc = ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) return;
  const pid_t self = ::getpid();
  alignas(DirectoryEntry) char buffer[8192];
  for (long size; (size = ::syscall(SYS_getdents64, proc, buffer, sizeof(buffer))) > 0;) {
    for (long at = 0; at < size;) {
      const auto* const entry = reinterpret_cast<const DirectoryEntry*>(buffer + at);
      at += entry->length;
      const pid_t pid = parse_pid(entry->name);
      if (pid > 1 && pid != self && parent_of(proc, entry->name) == self) ::kill(pid, SIGKILL);
    }
  }
  ::close(proc);
}

class Keeper {
 public:
  Keeper(int control, pid_t child) noexcept : control_(control), child_(child) {}

  void run() noexcept {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    const int signals = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    send({child_, 0, false});
    for (;;) {
      pollfd files[] = {{control_, POLLIN, 0}, {signals, POLLIN, 0}};
      if (::poll(files, 2, -1) < 0) continue;
      signalfd_siginfo info;
      while (::read(signals, &info, sizeof(info)) > 0) {
      }
      reap();
      if (files[0].revents == 0) continue;
      KeeperOrder order;
      if (::recv(control_, &order, sizeof(order), 0) <= 0) break;
      obey(order);
    }
    // What a killed process leaves becomes ours and is found by the next round.
    while (reap()) {
      if (!ended_) ::kill(-child_, SIGKILL);
      kill_children();
      int status = 0;
      if (const pid_t pid = ::waitpid(-1, &status, 0); pid > 0) take(pid, status);
    }
  }

 private:
  void obey(KeeperOrder order) const noexcept {
    if (ended_) return;
    switch (order) {
      case KeeperOrder::terminate:
        ::kill(-child_, SIGTERM);
        break;
      case KeeperOrder::pause:
        ::kill(-child_, SIGSTOP);
        break;
      case KeeperOrder::resume:
        ::kill(-child_, SIGCONT);
        break;
    }
  }

  /// False where no child is left at all.
  bool reap() noexcept {
    for (;;) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED);
      if (pid <= 0) return pid == 0 || errno != ECHILD;
      take(pid, status);
    }
  }

  void take(pid_t pid, int status) noexcept {
    if (pid != child_) return;
    ended_ = !WIFSTOPPED(status);
    send({child_, status, ended_});
  }

  void send(KeeperMessage message) const noexcept { ::send(control_, &message, sizeof(message), MSG_NOSIGNAL); }

  int control_;
  pid_t child_;
  bool ended_ = false;
};

[[noreturn]] void keep(int control, pid_t child) noexcept {
  // The child's pipes must not stay open here: their ends are how the other side notices.
  constexpr int kControl = 3;
  if (control != kControl) ::dup2(control, kControl);
  close_or_mark(kControl + 1, false);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nothing, fd);
  ::close(nothing);
  ::prctl(PR_SET_NAME, "bh-keeper");
  Keeper(kControl, child).run();
  ::_exit(0);
}

}  // namespace

int become_kept_child(int control) noexcept {
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  std::signal(SIGCHLD, SIG_DFL);
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return errno;
  ::setpgid(0, 0);  // what kills the whole of our group must leave the keeper to end what the child started
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child > 0) {
    ::setpgid(child, child);  // also done by the child: whoever comes first
    keep(control, child);
  }
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int signal = 1; signal < NSIG; ++signal) std::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  close_or_mark(STDERR_FILENO + 1, true);
  return 0;
}

}  // namespace bh::harness
