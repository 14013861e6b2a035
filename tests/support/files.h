// Where tests find files that are not made by code.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>

#include "tests/support/paths.h"

namespace bh::test {

/// The model that ships with the project.
inline std::filesystem::path shipped_model() {
  return std::filesystem::path(kSourceDir) / "baselines" / "models" / "kjv-3m";
}

/// Files too large or too licensed for the repository: the folder that BITHARNESS_SHARED names, or `shared` beside the
/// source tree. Tests that need one are tagged [shared] and return, with a printed reason, where it is absent.
inline std::optional<std::filesystem::path> shared_file(const std::string& relative) {
  const char* folder = std::getenv("BITHARNESS_SHARED");
  const auto path =
      (folder != nullptr ? std::filesystem::path(folder) : std::filesystem::path(kSourceDir) / ".." / "shared") /
      relative;
  if (std::filesystem::exists(path)) return path;
  std::cerr << "skipped: " << path.string() << " is not here (set BITHARNESS_SHARED)\n";
  return std::nullopt;
}

}  // namespace bh::test
