// What talking to another process through pipes needs: descriptors that close themselves, writing without SIGPIPE, and
// a reader that keeps the end of a stream.
#pragma once

#include <unistd.h>

#include <csignal>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace bh::harness {

/// Owns a file descriptor.
class Fd {
 public:
  explicit Fd(int fd = -1) noexcept : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const noexcept { return fd_; }
  void reset() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

/// While it lives, writing to a pipe that nobody reads is EPIPE and nothing else for this thread.
class NoPipeSignal {
 public:
  NoPipeSignal() noexcept;
  ~NoPipeSignal();
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t set_{}, before_{};
  bool was_pending_ = false;
};

inline constexpr std::size_t kLastWords = 16 * 1024;

/// Reads a pipe to its end on a thread of its own and keeps the last kLastWords bytes.
class TailReader {
 public:
  explicit TailReader(Fd pipe);
  ~TailReader() { finish(); }
  TailReader(const TailReader&) = delete;
  TailReader& operator=(const TailReader&) = delete;

  /// Stops, once what has been written until now is read, whoever else still holds the pipe.
  void finish() noexcept;
  std::string text() const;  ///< valid UTF-8; thread-safe

 private:
  void drain() noexcept;

  Fd pipe_, stop_;
  mutable std::mutex mutex_;
  std::string tail_;
  std::thread thread_;
};

}  // namespace bh::harness
