#include "harness/io/pipes.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>

#include "harness/core/text.h"

namespace bh::harness {

NoPipeSignal::NoPipeSignal() noexcept {
  sigemptyset(&set_);
  sigaddset(&set_, SIGPIPE);
  sigset_t pending;
  ::sigpending(&pending);
  was_pending_ = sigismember(&pending, SIGPIPE) == 1;
  ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
}

NoPipeSignal::~NoPipeSignal() {
  constexpr timespec kAtOnce{};
  if (!was_pending_) ::sigtimedwait(&set_, nullptr, &kAtOnce);
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

TailReader::TailReader(Fd pipe) : pipe_(std::move(pipe)), stop_(::eventfd(0, EFD_CLOEXEC)) {
  ::fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
  thread_ = std::thread([this] { drain(); });
}

void TailReader::finish() noexcept {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(stop_.get(), &one, sizeof(one));
  thread_.join();
}

std::string TailReader::text() const {
  const std::lock_guard lock(mutex_);
  return to_valid_utf8(tail_.size() > kLastWords ? std::string_view(tail_).substr(tail_.size() - kLastWords) : tail_);
}

void TailReader::drain() noexcept {
  std::array<char, 4096> chunk;
  // A pipe holds 64 KiB: what was in it when we were told to stop is read, but nobody can keep us reading for ever.
  for (std::size_t after_stop = 0; after_stop < 4 * kLastWords;) {
    pollfd files[] = {{pipe_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (::poll(files, 2, -1) < 0) continue;
    const bool stopping = files[1].revents != 0;
    const ssize_t size = ::read(pipe_.get(), chunk.data(), chunk.size());
    if (size == 0 || (size < 0 && (stopping || (errno != EAGAIN && errno != EINTR)))) return;
    if (size < 0) continue;
    if (stopping) after_stop += static_cast<std::size_t>(size);
    const std::lock_guard lock(mutex_);
    tail_.append(chunk.data(), static_cast<std::size_t>(size));
    if (tail_.size() > 2 * kLastWords) tail_.erase(0, tail_.size() - kLastWords);
  }
}

}  // namespace bh::harness
