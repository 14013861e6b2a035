// Screening a large LM head with AMX-INT8: sixteen steps of a group are a tile of codes as they stand, and each plane
// of up to 16 inputs is a tile of inputs, so one reading of the copy serves them all.
#include <immintrin.h>

#include "engine/cpu/amx_tiles.h"
#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kPrefetchBytes = 8192;  // ahead of the stream, as for the ternary weights
constexpr std::int64_t kTileTokens = 16;
constexpr std::int64_t kTileCols = 64;
constexpr std::int64_t kTileBytes = 16 * 64;

/// Sums of the high planes in tiles 0 and 1 (tile = group), of the low ones in 2 and 3; planes in 4 and 5, codes in 6
/// and 7.
void configure(std::int64_t tokens) {
  TileConfig config;
  for (int tile = 0; tile < 6; ++tile) config.lines[tile] = static_cast<std::uint8_t>(tokens);
  config.lines[6] = config.lines[7] = 16;
  load_config(config);
}

inline void fetch_tile(const std::uint8_t* codes) {
  for (std::int64_t line = 0; line < kTileBytes; line += 64) {
    _mm_prefetch(reinterpret_cast<const char*>(codes + kPrefetchBytes + line), _MM_HINT_T0);
  }
}

template <int kGroups>
void screen_groups(const ScreenTask& task, std::int64_t group, std::int64_t token) {
  const std::int64_t cols = task.steps * kScreenCols, stride = 2 * cols;
  const std::uint8_t* first = task.codes + group * task.steps * kStepBytes;
  const std::uint8_t* second = first + task.steps * kStepBytes;
  const std::int8_t* high = task.planes + token * stride;
  const std::int8_t* low = high + cols;
  _tile_zero(0);
  _tile_zero(2);
  if constexpr (kGroups == 2) _tile_zero(1);
  if constexpr (kGroups == 2) _tile_zero(3);
  for (std::int64_t col = 0; col < cols; col += kTileCols) {
    const std::int64_t tile = col / kTileCols * kTileBytes;
    fetch_tile(first + tile);
    if constexpr (kGroups == 2) fetch_tile(second + tile);
    _tile_loadd(4, high + col, stride);
    _tile_loadd(6, first + tile, 64);
    _tile_dpbsud(0, 4, 6);
    _tile_loadd(5, low + col, stride);
    _tile_dpbsud(2, 5, 6);
    if constexpr (kGroups == 2) _tile_loadd(7, second + tile, 64);
    if constexpr (kGroups == 2) _tile_dpbsud(1, 4, 7);
    if constexpr (kGroups == 2) _tile_dpbsud(3, 5, 7);
  }
  constexpr std::int64_t kSumsStride = 2 * kGroupRows * sizeof(std::int32_t);
  std::int32_t* sums = task.sums + (group * task.tokens + token) * 2 * kGroupRows;
  std::int32_t* next = sums + task.tokens * 2 * kGroupRows;
  _tile_stored(0, sums, kSumsStride);
  _tile_stored(2, sums + kGroupRows, kSumsStride);
  if constexpr (kGroups == 2) _tile_stored(1, next, kSumsStride);
  if constexpr (kGroups == 2) _tile_stored(3, next + kGroupRows, kSumsStride);
  settle_memory();
}

}  // namespace

void screen_rows_amx(const ScreenTask& task) noexcept {
  for (std::int64_t token = 0; token < task.tokens; token += kTileTokens) {
    configure(task.tokens - token < kTileTokens ? task.tokens - token : kTileTokens);
    std::int64_t group = 0;
    for (; group + 2 <= task.groups; group += 2) screen_groups<2>(task, group, token);
    if (group < task.groups) screen_groups<1>(task, group, token);
  }
  _tile_release();
}

}  // namespace bh::engine
