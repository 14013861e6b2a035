// Writes a file all or nothing: into a temporary file in the same folder, then fsync and rename.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

namespace bh {

/// Whatever goes wrong before commit() returns, an old file of that name stays whole and no temporary one is left;
/// where the file system has files without names (O_TMPFILE), no half one even of a process that is killed.
class AtomicFile {
 public:
  /// Throws Error(setup) where the folder cannot be written or `path` names something that is not a regular file.
  /// `mode` is that of a new file, less what the umask takes away.
  explicit AtomicFile(const std::filesystem::path& path, unsigned mode = 0666);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Throws Error(setup) where the bytes do not fit on the disk.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  std::uint64_t bytes_written() const noexcept { return written_; }

  /// Makes the file durable and visible under its name. Throws Error(setup).
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int fd_ = -1;
  bool named_ = false;  ///< the temporary file has its name
  std::uint64_t written_ = 0;
};

}  // namespace bh
