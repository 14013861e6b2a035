#include "tests/fuzz/files.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>

namespace bh::fuzz {

MemoryFile::MemoryFile(std::span<const std::byte> bytes) : fd_(::memfd_create("input", MFD_CLOEXEC)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "memfd_create");
  const std::byte* data = bytes.data();
  for (std::size_t left = bytes.size(); left > 0;) {
    const ssize_t n = ::write(fd_, data, left);
    if (n <= 0) throw std::system_error(errno, std::generic_category(), "write to memory");
    data += n;
    left -= static_cast<std::size_t>(n);
  }
}

MemoryFile::~MemoryFile() { ::close(fd_); }

std::filesystem::path MemoryFile::path() const { return "/proc/self/fd/" + std::to_string(fd_); }

std::filesystem::path scratch_folder() {
  static const test::TempFolder folder;
  return folder.path();
}

std::filesystem::path write_parts(std::string_view folder, std::string_view bytes,
                                  std::initializer_list<std::string_view> names) {
  auto path = scratch_folder() / folder;
  std::filesystem::create_directories(path);
  std::optional<std::string_view> rest = bytes;
  for (auto name = names.begin(); name != names.end(); ++name) {
    if (!rest) {
      std::filesystem::remove(path / *name);
      continue;
    }
    const bool last = name + 1 == names.end();
    const std::size_t end = last ? std::string_view::npos : rest->find(kPartSeparator);
    const std::string_view part = rest->substr(0, end);
    rest = end == std::string_view::npos ? std::nullopt : std::optional(rest->substr(end + 1));
    std::ofstream file(path / *name, std::ios::binary | std::ios::trunc);
    file.write(part.data(), static_cast<std::streamsize>(part.size()));
    if (!file.flush()) throw std::runtime_error("cannot write " + (path / *name).string());
  }
  return path;
}

}  // namespace bh::fuzz
