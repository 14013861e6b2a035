#include "engine/base/text_file.h"

#include <fstream>
#include <system_error>

#include "engine/base/error.h"

namespace bh {
namespace {

std::filesystem::file_status status_of(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::status_known(status))
    fail(ErrorKind::setup, "cannot read {}: {}; check its links and permissions", path.string(), error.message());
  return status;
}

}  // namespace

bool file_exists(const std::filesystem::path& path) { return std::filesystem::exists(status_of(path)); }

std::string read_text_file(const std::filesystem::path& path, std::size_t max_bytes) {
  const std::string name = path.string();
  const auto status = status_of(path);
  if (!std::filesystem::exists(status)) fail(ErrorKind::setup, "cannot read {}: no such file", name);
  if (!std::filesystem::is_regular_file(status)) fail(ErrorKind::setup, "cannot read {}: not a regular file", name);
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) fail(ErrorKind::setup, "cannot read {}: {}", name, error.message());
  if (size > max_bytes)
    fail(ErrorKind::setup, "{} has {} bytes, more than the {} a file of its kind may have", name, size, max_bytes);
  std::ifstream file(path, std::ios::binary);
  std::string text(size, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(size))) fail(ErrorKind::setup, "cannot read {}", name);
  return text;
}

}  // namespace bh
