// The ternary product with AMX-INT8: a tile of 16 tokens times a tile of 16 rows, 64 columns at a time. Four steps of
// the packed layout, unpacked, are such a tile of weights as they stand: 16 lines of four columns of 16 rows.
#include <immintrin.h>

#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kPrefetchBytes = 8192;  // ahead of the packed stream, as for the other instruction sets
constexpr std::int64_t kTileTokens = 16;
constexpr std::int64_t kTileSteps = 4;
constexpr std::int64_t kTileCols = kTileSteps * kStepCols;
constexpr std::int64_t kTileBytes = 16 * 64;
constexpr std::int64_t kPanelTiles = 8;  // of a group: two groups fill 16 KiB of the first cache

/// Operand of LDTILECFG. Sums are in tiles 0 to 3 (tile = 2 * tokens' tile + group), codes in 4 and 5, weights in 6
/// and 7.
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

/// For up to 32 tokens.
void configure(std::int64_t tokens) {
  const auto first = static_cast<std::uint8_t>(tokens < kTileTokens ? tokens : kTileTokens);
  const auto second = static_cast<std::uint8_t>(tokens < kTileTokens ? 0 : tokens - kTileTokens);
  TileConfig config;
  config.lines[0] = config.lines[1] = config.lines[4] = first;
  config.lines[2] = config.lines[3] = config.lines[5] = second;
  config.lines[6] = config.lines[7] = 16;
  if (second == 0) config.bytes_per_line[2] = config.bytes_per_line[3] = config.bytes_per_line[5] = 0;
  settle_memory();
  _tile_loadconfig(&config);
}

/// Unpacks `steps` steps of a group into tiles of weights; the last tile is filled up with zeros.
void unpack(const std::uint8_t* weights, std::int64_t steps, std::uint8_t* tiles) {
  const __m512i mask = _mm512_set1_epi8(0x03);
  for (std::int64_t step = 0; step < steps; ++step, weights += kStepBytes) {
    _mm_prefetch(reinterpret_cast<const char*>(weights + kPrefetchBytes), _MM_HINT_T0);
    __m512i packed = _mm512_loadu_si512(weights);
    for (int f = 0; f < 4; ++f, tiles += 64) {
      _mm512_store_si512(tiles, _mm512_and_si512(packed, mask));
      packed = _mm512_srli_epi16(packed, 2);
    }
  }
  for (; steps % kTileSteps != 0; ++steps) {
    for (int f = 0; f < 4; ++f, tiles += 64) _mm512_store_si512(tiles, _mm512_setzero_si512());
  }
}

struct Panel {
  alignas(64) std::uint8_t tiles[2][kPanelTiles * kTileBytes];  // of two groups
};

/// Adds the products of a panel's `count` tiles with some tokens' codes to their sums, or sets those.
template <int kGroups, int kTokenTiles>
void multiply_panel(const Panel& panel, std::int64_t count, const std::int8_t* codes, std::int64_t code_stride,
                    bool add, std::int32_t* sums, std::int64_t group_sums) {
  constexpr std::int64_t kSumsStride = kGroupRows * sizeof(std::int32_t);
  std::int32_t* second = sums + kTileTokens * kGroupRows;
  if (add) {
    _tile_loadd(0, sums, kSumsStride);
    if constexpr (kGroups == 2) _tile_loadd(1, sums + group_sums, kSumsStride);
    if constexpr (kTokenTiles == 2) _tile_loadd(2, second, kSumsStride);
    if constexpr (kGroups == 2 && kTokenTiles == 2) _tile_loadd(3, second + group_sums, kSumsStride);
  } else {
    _tile_zero(0);
    if constexpr (kGroups == 2) _tile_zero(1);
    if constexpr (kTokenTiles == 2) _tile_zero(2);
    if constexpr (kGroups == 2 && kTokenTiles == 2) _tile_zero(3);
  }
  for (std::int64_t tile = 0; tile < count; ++tile, codes += kTileCols) {
    _tile_loadd(4, codes, code_stride);
    if constexpr (kTokenTiles == 2) _tile_loadd(5, codes + kTileTokens * code_stride, code_stride);
    _tile_loadd(6, panel.tiles[0] + tile * kTileBytes, 64);
    if constexpr (kGroups == 2) _tile_loadd(7, panel.tiles[1] + tile * kTileBytes, 64);
    _tile_dpbsud(0, 4, 6);
    if constexpr (kGroups == 2) _tile_dpbsud(1, 4, 7);
    if constexpr (kTokenTiles == 2) _tile_dpbsud(2, 5, 6);
    if constexpr (kGroups == 2 && kTokenTiles == 2) _tile_dpbsud(3, 5, 7);
  }
  _tile_stored(0, sums, kSumsStride);
  if constexpr (kGroups == 2) _tile_stored(1, sums + group_sums, kSumsStride);
  if constexpr (kTokenTiles == 2) _tile_stored(2, second, kSumsStride);
  if constexpr (kGroups == 2 && kTokenTiles == 2) _tile_stored(3, second + group_sums, kSumsStride);
}

/// One or two groups with all tokens. Configured for whole tiles on entry and on return.
template <int kGroups>
void multiply_groups(const TernaryTask& task, std::int64_t group) {
  constexpr std::int64_t kPanelSteps = kPanelTiles * kTileSteps, kBlock = 2 * kTileTokens;
  Panel panel;
  for (std::int64_t step = 0; step < task.steps; step += kPanelSteps) {
    const std::int64_t steps = step + kPanelSteps < task.steps ? kPanelSteps : task.steps - step;
    const std::int64_t tiles = (steps + kTileSteps - 1) / kTileSteps;
    for (int g = 0; g < kGroups; ++g) {
      unpack(task.weights + ((group + g) * task.steps + step) * kStepBytes, steps, panel.tiles[g]);
    }
    settle_memory();
    std::int64_t token = 0;
    const auto multiply = [&](auto kernel) {
      kernel(panel, tiles, task.codes + token * task.code_stride + step * kStepCols, task.code_stride, step > 0,
             task.sums + (group * task.tokens + token) * kGroupRows, task.tokens * kGroupRows);
    };
    for (; token + kBlock <= task.tokens; token += kBlock) multiply(multiply_panel<kGroups, 2>);
    if (const std::int64_t rest = task.tokens - token; rest > 0) {
      configure(rest);
      rest > kTileTokens ? multiply(multiply_panel<kGroups, 2>) : multiply(multiply_panel<kGroups, 1>);
      configure(kBlock);
    }
    settle_memory();
  }
}

}  // namespace

void ternary_amx_int8(const TernaryTask& task) noexcept {
  configure(2 * kTileTokens);
  std::int64_t group = 0;
  for (; group + 2 <= task.groups; group += 2) multiply_groups<2>(task, group);
  if (group < task.groups) multiply_groups<1>(task, group);
  _tile_release();
}

}  // namespace bh::engine
