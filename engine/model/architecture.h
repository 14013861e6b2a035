// What an architecture's name (general.architecture) stands for. Graphs as in bitnet.cpp's llama.cpp.
#pragma once

#include <span>
#include <string_view>

#include "engine/model/config.h"

namespace bh::engine {

/// A row of the list of architectures.
struct Architecture {
  std::string_view name;
  Activation activation;
  RopeStyle rope_style;  ///< of GGUF files: their converters permute the rows of q and k for adjacent pairs
  bool sub_norms;
  bool always_tied;  ///< the reference takes token_embd for the output even where output.weight exists
  bool scales;       ///< optional blk.N.X.scale tensors
};

std::span<const Architecture> architectures() noexcept;
/// nullptr if the name is not supported.
const Architecture* find_architecture(std::string_view name) noexcept;

}  // namespace bh::engine
