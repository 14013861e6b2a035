#include "engine/base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "engine/base/error.h"

namespace bh {
namespace {

std::filesystem::path temporary_name(const std::filesystem::path& path) {
  static std::atomic<unsigned> count{0};
  return path.string() + fmt::format(".tmp-{}-{}", ::getpid(), count.fetch_add(1));
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// A file without a name, gone with the process however that ends; -1 where there is no such thing, or no way to name
/// it later.
int open_unnamed(const std::filesystem::path& folder, unsigned mode) noexcept {
  if (::access("/proc/self/fd", X_OK) != 0) return -1;
  return ::open(folder.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, mode);
}

bool give_name(int fd, const std::filesystem::path& name) {
  return ::linkat(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) ==
         0;
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& path, unsigned mode) : path_(path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status)) {
    if (!std::filesystem::is_regular_file(status))
      fail(ErrorKind::setup, "cannot write {}: it exists and is not a regular file", path.string());
    path_ = std::filesystem::canonical(path);  // a link keeps pointing where it did
  }
  temporary_ = temporary_name(path_);
  fd_ = open_unnamed(folder_of(path_), mode);
  if (fd_ >= 0) return;
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  named_ = fd_ >= 0;
  if (!named_)
    fail(ErrorKind::setup, "cannot write {}: {}; check that the folder exists and may be written", path.string(),
         std::strerror(errno));
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  if (named_) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;  // Linux takes less than 2 GiB in one call
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), std::min(bytes.size(), kMostAtOnce));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      fail(ErrorKind::setup, "cannot write {} after {} bytes: {}; nothing was changed", path_.string(), written_,
           std::strerror(errno));
    written_ += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void AtomicFile::commit() {
  const bool durable = ::fsync(fd_) == 0;
  if (durable && !named_) named_ = give_name(fd_, temporary_);
  if (!durable || !named_ || ::rename(temporary_.c_str(), path_.c_str()) != 0)
    fail(ErrorKind::setup, "cannot finish writing {}: {}; nothing was changed", path_.string(), std::strerror(errno));
  ::close(fd_);
  fd_ = -1;
  const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  ::fsync(folder);  // makes the rename durable; a file system that cannot do it has renamed all the same
  ::close(folder);
}

}  // namespace bh
