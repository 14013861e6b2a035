// The two ways into a Model, and what they share. Only the loaders and model.cpp include this.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "engine/base/aligned_buffer.h"
#include "engine/model/model.h"

namespace bh::engine {

std::shared_ptr<const Model> load_gguf(const std::filesystem::path& path, const LoadOptions& options);
std::shared_ptr<const Model> load_hf_folder(const std::filesystem::path& folder, const LoadOptions& options);

/// What a Model's views point into, but for its mappings.
struct ModelStorage {
  std::vector<AlignedBuffer<std::byte>> buffers;

  /// The same bytes at an address that suits any element type: copied only where a file has them at an odd place.
  std::span<const std::byte> keep_aligned(std::span<const std::byte> bytes);
};

/// A norm's weights as floats. Throws Error(setup) on values that are not finite.
std::vector<float> decode_vector(const WeightFormat& format, std::span<const std::byte> bytes, std::int64_t n,
                                 const std::string& where, const std::string& name);

/// What every source is checked for at the end: the vocabulary's size, scales and codes of ternary matrices (all values
/// with options.check_values); collects warnings. Throws Error(setup).
void finish_model(Model& model, const LoadOptions& options);

}  // namespace bh::engine
