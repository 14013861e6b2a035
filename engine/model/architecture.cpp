#include "engine/model/architecture.h"

namespace bh::engine {
namespace {

constexpr Architecture kArchitectures[] = {
    {"bitnet-b1.58", Activation::squared_relu, RopeStyle::half_split, true, true, false},
    {"bitnet-25", Activation::squared_relu, RopeStyle::half_split, true, true, false},
    {"bitnet", Activation::silu, RopeStyle::half_split, true, false, true},
    {"llama", Activation::silu, RopeStyle::adjacent_pairs, false, false, false},
};

}  // namespace

std::span<const Architecture> architectures() noexcept { return kArchitectures; }

const Architecture* find_architecture(std::string_view name) noexcept {
  for (const Architecture& row : kArchitectures)
    if (row.name == name) return &row;
  return nullptr;
}

}  // namespace bh::engine
