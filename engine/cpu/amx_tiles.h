// How tiles of AMX are configured, for the sources of that instruction set.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace bh::engine {
namespace {

/// Operand of LDTILECFG. A tile without lines is not used.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t bytes_per_line[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t lines[16] = {};
};
static_assert(sizeof(TileConfig) == 64);

/// GCC 12 does not know that tiles and their configuration are loaded from memory.
inline void settle_memory() { __asm__ volatile("" ::: "memory"); }

inline void load_config(TileConfig& config) {
  for (int tile = 0; tile < 16; ++tile) {
    if (config.lines[tile] == 0) config.bytes_per_line[tile] = 0;
  }
  settle_memory();
  _tile_loadconfig(&config);
}

}  // namespace
}  // namespace bh::engine
