// A whole regular file mapped read-only. Neighbour: engine/model readers, which bounds-check every access to it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace bh {

/// Owns the mapping; the bytes stay valid until destruction. Movable, not copyable.
/// A file that shrinks while it is mapped raises SIGBUS on access: harness/cli turns that into one line and exit 4.
class MappedFile {
 public:
  /// Throws Error(setup) unless `path` is a readable, non-empty regular file (a directory, FIFO or device is refused
  /// unread, so nothing can hang).
  static MappedFile open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  const std::filesystem::path& path() const noexcept { return path_; }
  bool holds(std::span<const std::byte> part) const noexcept;

  /// Gives the memory of a part of bytes() back to the system: whole pages of it, read again when they are touched.
  /// May be called from several threads, while others read.
  void release(std::span<const std::byte> part) const noexcept;

 private:
  MappedFile() = default;

  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace bh
