// Finds the model of a run: the one that was named, or the one that ships with bitharness.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bh::harness {

/// The shipped model's folder holds the I2_S GGUF, the Hugging Face folders bf16/ and packed/, held-out text and
/// reference outputs.
struct ShippedModel {
  std::filesystem::path folder;
  std::filesystem::path gguf() const { return folder / "kjv-3m-i2_s.gguf"; }
};

/// Absolute path of the running binary, symbolic links resolved. Throws Error(setup).
std::filesystem::path executable_path();

/// Where the shipped model is looked for, in this order: models/kjv-3m beside the binary (a build tree has a link
/// there), then ../share/bitharness/models/kjv-3m. Everything is relative to the binary, so a whole prefix may move.
std::vector<std::filesystem::path> shipped_model_places(const std::filesystem::path& executable);
std::optional<ShippedModel> find_shipped_model(const std::filesystem::path& executable);

/// `named` (from -m, BITHARNESS_MODEL or the configuration), or the shipped model's GGUF where it is empty. Throws
/// Error(setup) naming the places that were searched. Does not open the model.
std::filesystem::path locate_model(const std::string& named, const std::filesystem::path& executable);

}  // namespace bh::harness
