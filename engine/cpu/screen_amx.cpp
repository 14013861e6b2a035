// Screening a large LM head with AMX-INT8: sixteen unpacked fields of a group are a tile of codes as they stand, and
// each plane of up to 16 inputs is a tile of inputs, so one reading of the copy serves them all. The vector units
// unpack two tiles ahead of the multiplication and beside it.
#include <immintrin.h>

#include "engine/base/prefetch.h"
#include "engine/cpu/amx_tiles.h"
#include "engine/cpu/kernels.h"
#include "engine/cpu/six_bits_avx512.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kTileTokens = 16;
constexpr std::int64_t kTileSteps = 4;
constexpr std::int64_t kTileCols = kTileSteps * kScreenCols;
constexpr std::int64_t kTileBytes = kTileCols * kGroupRows;
constexpr std::int64_t kAhead = 2;  // tiles: stores have then reached the cache that tiles are loaded from
constexpr std::int64_t kRingTiles = 4;

/// Sums of the high planes in tiles 0 and 1 (tile = group), of the low ones in 2 and 3; planes in 4 and 5, codes in 6
/// and 7.
void configure(std::int64_t tokens) {
  TileConfig config;
  for (int tile = 0; tile < 6; ++tile) config.lines[tile] = static_cast<std::uint8_t>(tokens);
  config.lines[6] = config.lines[7] = 16;
  load_config(config);
}

/// The latest tiles of one group's codes.
struct Ring {
  alignas(64) std::uint8_t tiles[kRingTiles * kTileBytes];

  std::uint8_t* tile(std::int64_t index) { return tiles + index % kRingTiles * kTileBytes; }

  inline __attribute__((always_inline)) void unpack_step(const std::uint8_t* codes, std::int64_t step) {
    const std::uint8_t* packed = codes + step * kScreenStepBytes;
    prefetch_stream(packed, kScreenStepBytes);
    __m512i fields[4];
    unpack_six_bits(packed, fields);
    std::uint8_t* lines = tile(step / kTileSteps) + step % kTileSteps * (kScreenCols * kGroupRows);
    for (int f = 0; f < 4; ++f) _mm512_store_si512(lines + 64 * f, fields[f]);
  }
};

template <int kGroups>
void screen_groups(const ScreenTask& task, std::int64_t group, std::int64_t token) {
  const std::int64_t cols = task.steps * kScreenCols, stride = 2 * cols;
  const std::uint8_t* codes = task.codes + group * task.steps * kScreenStepBytes;
  const std::int8_t* high = task.planes + token * stride;
  const std::int8_t* low = high + cols;
  Ring rings[kGroups];
  const auto unpack = [&](std::int64_t step) {
    settle_memory();
    for (int g = 0; g < kGroups && step < task.steps; ++g) {
      rings[g].unpack_step(codes + g * task.steps * kScreenStepBytes, step);
    }
    settle_memory();
  };
  _tile_zero(0);
  _tile_zero(2);
  if constexpr (kGroups == 2) _tile_zero(1);
  if constexpr (kGroups == 2) _tile_zero(3);
  for (std::int64_t step = 0; step < kAhead * kTileSteps; ++step) unpack(step);
  for (std::int64_t tile = 0; tile * kTileCols < cols; ++tile) {
    const std::int64_t next = (tile + kAhead) * kTileSteps;
    _tile_loadd(4, high + tile * kTileCols, stride);
    _tile_loadd(6, rings[0].tile(tile), 64);
    unpack(next);
    _tile_dpbsud(0, 4, 6);
    _tile_loadd(5, low + tile * kTileCols, stride);
    unpack(next + 1);
    _tile_dpbsud(2, 5, 6);
    if constexpr (kGroups == 2) _tile_loadd(7, rings[1].tile(tile), 64);
    unpack(next + 2);
    if constexpr (kGroups == 2) _tile_dpbsud(1, 4, 7);
    unpack(next + 3);
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
