// Bytes as the files that loaders open, without a disk: a file in memory, and a folder of files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string_view>

#include "tests/support/temp_folder.h"

namespace bh::fuzz {

/// An anonymous file in memory; path() is good as long as the object lives.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::byte> bytes);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::filesystem::path path() const;

 private:
  int fd_;
};

/// A folder that lives as long as the process; its files are written anew for each input. TMPDIR decides where it lies:
/// scripts/fuzz chooses a file system in memory.
std::filesystem::path scratch_folder();
/// Writes the parts of `bytes`, which kPartSeparator divides, as the files `names` of scratch_folder() / `folder`, and
/// removes those that no part is left for. Returns the folder.
std::filesystem::path write_parts(std::string_view folder, std::string_view bytes,
                                  std::initializer_list<std::string_view> names);
/// JSON cannot hold it; the last part may.
inline constexpr char kPartSeparator = '\x1e';

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace bh::fuzz
