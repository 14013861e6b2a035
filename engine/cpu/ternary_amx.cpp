// The ternary product with AMX-INT8: a tile of 16 tokens times a tile of 16 rows, 64 columns at a time. Four steps of
// the packed layout, unpacked, are such a tile of weights as they stand: 16 lines of four columns of 16 rows. The
// vector units unpack two tiles ahead of the multiplication and beside it, so unpacking costs little time of its own,
// however few the tokens, and sums stay in tiles over all columns.
#include <immintrin.h>

#include "engine/cpu/amx_tiles.h"
#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kPrefetchBytes = 8192;  // ahead of the packed stream, as for the other instruction sets
constexpr std::int64_t kTileTokens = 16;
constexpr std::int64_t kTileSteps = 4;
constexpr std::int64_t kTileCols = kTileSteps * kStepCols;
constexpr std::int64_t kTileBytes = 16 * 64;
constexpr std::int64_t kTilePacked = kTileSteps * kStepBytes;
constexpr std::int64_t kAhead = 2;  // tiles: stores have then reached the cache that tiles are loaded from
constexpr std::int64_t kSlots = 4;

/// For up to 32 tokens. Sums are in tiles 0 to 3 (tile = 2 * tokens' tile + group), codes in 4 and 5, weights in 6
/// and 7.
void configure(std::int64_t tokens) {
  const auto first = static_cast<std::uint8_t>(tokens < kTileTokens ? tokens : kTileTokens);
  const auto second = static_cast<std::uint8_t>(tokens < kTileTokens ? 0 : tokens - kTileTokens);
  TileConfig config;
  config.lines[0] = config.lines[1] = config.lines[4] = first;
  config.lines[2] = config.lines[3] = config.lines[5] = second;
  config.lines[6] = config.lines[7] = 16;
  load_config(config);
}

template <bool kPrefetch>
inline void unpack_step(const std::uint8_t* weights, std::uint8_t* fields) {
  const __m512i mask = _mm512_set1_epi8(0x03);
  if constexpr (kPrefetch) _mm_prefetch(reinterpret_cast<const char*>(weights + kPrefetchBytes), _MM_HINT_T0);
  __m512i packed = _mm512_loadu_si512(weights);
  for (int f = 0; f < 4; ++f, fields += 64) {
    _mm512_store_si512(fields, _mm512_and_si512(packed, mask));
    packed = _mm512_srli_epi16(packed, 2);
  }
}

/// The tile of a group that begins at `weights`; where it has fewer than four steps, zeros take their place.
template <bool kPrefetch>
void unpack_tile(const std::uint8_t* weights, std::int64_t steps, std::uint8_t* tile) {
  for (std::int64_t step = 0; step < kTileSteps; ++step, weights += kStepBytes, tile += 4 * 64) {
    if (step < steps) {
      unpack_step<kPrefetch>(weights, tile);
    } else {
      for (int f = 0; f < 4; ++f) _mm512_store_si512(tile + f * 64, _mm512_setzero_si512());
    }
  }
}

/// All columns of one or two groups with up to 16 or 32 tokens. kPrefetch: the weights may not be in a cache yet.
template <int kGroups, int kTokenTiles, bool kPrefetch>
void multiply_block(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  alignas(64) std::uint8_t unpacked[kGroups][kSlots][kTileBytes];
  const std::int64_t tiles = (task.steps + kTileSteps - 1) / kTileSteps, whole = task.steps / kTileSteps;
  const std::uint8_t* weights[kGroups];
  for (int g = 0; g < kGroups; ++g) weights[g] = task.weights + (group + g) * task.steps * kStepBytes;
  const auto stride = task.code_stride;
  const std::int8_t* first = task.codes + token * stride;
  const std::int8_t* second = first + kTileTokens * stride;
  const auto unpack = [&](std::int64_t tile) {
    const std::int64_t steps = task.steps - tile * kTileSteps;
    for (int g = 0; g < kGroups; ++g) {
      unpack_tile<kPrefetch>(weights[g] + tile * kTilePacked, steps, unpacked[g][tile % kSlots]);
    }
  };
  // A quarter of the unpacking stands before each of the four multiplications.
  const auto unpack_quarter = [&](std::int64_t tile, int quarter) {
    settle_memory();
    for (int i = 0; i < kGroups; ++i) {
      const int step = kGroups * quarter + i, g = step / 4;
      unpack_step<kPrefetch>(weights[g] + tile * kTilePacked + step % 4 * kStepBytes,
                             unpacked[g][tile % kSlots] + step % 4 * 4 * 64);
    }
    settle_memory();
  };
  // Codes come from the second cache and are used once for each pair of groups: the hint spares the first cache.
  const auto multiply = [&](std::int64_t tile, auto between) {
    _tile_stream_loadd(4, first + tile * kTileCols, stride);
    _tile_loadd(6, unpacked[0][tile % kSlots], 64);
    between(0);
    _tile_dpbsud(0, 4, 6);
    if constexpr (kGroups == 2) _tile_loadd(7, unpacked[1][tile % kSlots], 64);
    between(1);
    if constexpr (kGroups == 2) _tile_dpbsud(1, 4, 7);
    if constexpr (kTokenTiles == 2) _tile_stream_loadd(5, second + tile * kTileCols, stride);
    between(2);
    if constexpr (kTokenTiles == 2) _tile_dpbsud(2, 5, 6);
    between(3);
    if constexpr (kGroups == 2 && kTokenTiles == 2) _tile_dpbsud(3, 5, 7);
  };

  _tile_zero(0);
  if constexpr (kGroups == 2) _tile_zero(1);
  if constexpr (kTokenTiles == 2) _tile_zero(2);
  if constexpr (kGroups == 2 && kTokenTiles == 2) _tile_zero(3);
  for (std::int64_t tile = 0; tile < kAhead && tile < tiles; ++tile) unpack(tile);
  settle_memory();
  // A line of y that is not there yet would be waited for once for each token after the multiplication.
  const std::int64_t rest = task.tokens - token, fetched = task.y == nullptr ? 0 : rest < 32 ? rest : 32;
  const float* y = task.y + token * task.y_stride + group * kGroupRows;
  std::int64_t tile = 0;
  for (; tile + kAhead < whole; ++tile) {
    if (tile < fetched) {
      for (int g = 0; g < kGroups; ++g) {
        _mm_prefetch(reinterpret_cast<const char*>(y + tile * task.y_stride + g * kGroupRows), _MM_HINT_T0);
      }
    }
    multiply(tile, [&](int quarter) { unpack_quarter(tile + kAhead, quarter); });
  }
  for (; tile < tiles; ++tile) {
    if (tile + kAhead < tiles) unpack(tile + kAhead);
    settle_memory();
    multiply(tile, [](int) {});
  }

  constexpr std::int64_t kSumsStride = kGroupRows * sizeof(std::int32_t);
  std::int32_t* sums = task.sums + (group * task.tokens + token) * kGroupRows;
  std::int32_t* next = sums + task.tokens * kGroupRows;
  _tile_stored(0, sums, kSumsStride);
  if constexpr (kGroups == 2) _tile_stored(1, next, kSumsStride);
  if constexpr (kTokenTiles == 2) _tile_stored(2, sums + kTileTokens * kGroupRows, kSumsStride);
  if constexpr (kGroups == 2 && kTokenTiles == 2) _tile_stored(3, next + kTileTokens * kGroupRows, kSumsStride);
  settle_memory();
}

template <int kGroups, bool kPrefetch>
void multiply_rest(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  if (task.tokens - token > kTileTokens) {
    multiply_block<kGroups, 2, kPrefetch>(task, group, token);
  } else {
    multiply_block<kGroups, 1, kPrefetch>(task, group, token);
  }
}

/// One or two groups with all tokens. Tiles are configured for 32 tokens, or for all where there are fewer.
template <int kGroups>
void multiply_groups(const TernaryTask& task, std::int64_t group) {
  constexpr std::int64_t kBlock = 2 * kTileTokens;
  if (task.tokens <= kBlock) return multiply_rest<kGroups, true>(task, group, 0);
  multiply_block<kGroups, 2, true>(task, group, 0);
  std::int64_t token = kBlock;
  for (; token + kBlock <= task.tokens; token += kBlock) multiply_block<kGroups, 2, false>(task, group, token);
  if (token == task.tokens) return;
  configure(task.tokens - token);
  multiply_rest<kGroups, false>(task, group, token);
  configure(kBlock);
}

}  // namespace

void ternary_amx_int8(const TernaryTask& task) noexcept {
  configure(task.tokens < 2 * kTileTokens ? task.tokens : 2 * kTileTokens);
  std::int64_t group = 0;
  for (; group + 2 <= task.groups; group += 2) multiply_groups<2>(task, group);
  if (group < task.groups) multiply_groups<1>(task, group);
  _tile_release();
}

}  // namespace bh::engine
