#include "harness/io/model_locator.h"

#include "engine/base/error.h"

namespace bh::harness {

namespace fs = std::filesystem;

fs::path executable_path() {
  std::error_code error;
  fs::path path = fs::read_symlink("/proc/self/exe", error);
  if (error) fail(ErrorKind::setup, "cannot find the running binary through /proc/self/exe: {}", error.message());
  return path;
}

std::vector<fs::path> shipped_model_places(const fs::path& executable) {
  const fs::path folder = executable.parent_path();
  return {folder / "models" / "kjv-3m",
          (folder / ".." / "share" / "bitharness" / "models" / "kjv-3m").lexically_normal()};
}

std::optional<ShippedModel> find_shipped_model(const fs::path& executable) {
  for (const fs::path& place : shipped_model_places(executable)) {
    std::error_code error;
    const ShippedModel model{place};
    if (fs::is_regular_file(model.gguf(), error)) return model;
  }
  return std::nullopt;
}

fs::path locate_model(const std::string& named, const fs::path& executable) {
  if (!named.empty()) return named;
  if (const auto shipped = find_shipped_model(executable)) return shipped->gguf();
  std::string places;
  for (const fs::path& place : shipped_model_places(executable)) {
    places += fmt::format("{}{}", places.empty() ? "" : " and ", place.string());
  }
  fail(ErrorKind::setup,
       "no model was named and the shipped one is not there (looked in {}); name one with -m FILE or BITHARNESS_MODEL",
       places);
}

}  // namespace bh::harness
