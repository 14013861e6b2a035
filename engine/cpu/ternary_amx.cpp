// The ternary product with AMX-INT8 over weights of 1.6 bits: a tile of 16 tokens times a tile of 16 rows, 64 columns
// at a time. Sixteen unpacked fields are such a tile of weights as they stand. The vector units unpack two tiles ahead
// of the multiplication and beside it, so unpacking costs little time of its own, however few the tokens, and sums stay
// in tiles over all columns.
#include <immintrin.h>

#include "engine/base/prefetch.h"
#include "engine/cpu/amx_tiles.h"
#include "engine/cpu/kernels.h"
#include "engine/cpu/trits_avx512.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kTileTokens = 16;
constexpr std::int64_t kBlockTokens = 2 * kTileTokens;
constexpr std::int64_t kTileFields = 16;
constexpr std::int64_t kTileCols = kTileFields * kFieldCols;
constexpr std::int64_t kFieldBytes = 64;
constexpr std::int64_t kUnpackedBytes = kTritFields * kFieldBytes;  // a step's fields

// Sixteen steps are five tiles. They are a group's ring, so that a step's and a tile's place in it are constants.
constexpr std::int64_t kRingSteps = kTileFields;
constexpr std::int64_t kRingTiles = kTritFields;
constexpr std::int64_t kRingBytes = kRingSteps * kUnpackedBytes;
constexpr int kStepsAhead = 7;  // two tiles: stores have then reached the cache that tiles are loaded from

/// Five tiles have twenty quarters and need sixteen steps: four of five quarters unpack one, the fifth none.
constexpr bool unpacks(int quarter) { return quarter % 5 != 4; }
constexpr std::int64_t step_beside(int quarter) { return kStepsAhead + quarter - quarter / 5; }
static_assert(step_beside(18) + 1 == kStepsAhead + kRingSteps, "the next five tiles begin as these did");
static_assert(kStepsAhead * kTritFields >= 2 * kTileFields, "two tiles are there before the first is multiplied");

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

/// Weights of kGroups groups and their rings. kPrefetch: the weights may not be in a cache yet.
template <int kGroups, bool kPrefetch>
struct Weights {
  const std::uint8_t* packed;
  std::int64_t steps;
  std::uint8_t* rings;
  Trits trits;

  const std::uint8_t* tile(int group, std::int64_t place) const {
    return rings + group * kRingBytes + place * kTileFields * kFieldBytes;
  }

  /// Unpacks one step of each group. kWhole: there is one; otherwise zeros may stand for it.
  template <bool kWhole>
  inline __attribute__((always_inline)) void unpack(std::int64_t step, std::int64_t place) {
    for (int g = 0; g < kGroups; ++g) {
      std::uint8_t* field = rings + g * kRingBytes + place * kUnpackedBytes;
      if (!kWhole && step >= steps) {
        for (int f = 0; f < kTritFields; ++f) _mm512_store_si512(field + f * kFieldBytes, _mm512_setzero_si512());
        continue;
      }
      const std::uint8_t* bytes = packed + (g * steps + step) * kStepBytes;
      if constexpr (kPrefetch) prefetch_stream(bytes);
      const Trits::Step unpacked = trits.decode(_mm512_loadu_si512(bytes));
      for (int f = 0; f < kTritFields; ++f, field += kFieldBytes) {
        _mm512_store_si512(field, Trits::plain(unpacked, f));
      }
    }
  }

  /// What is unpacked beside a tile in one of its quarters; `first` is the first step of its five tiles.
  template <bool kWhole, int kQuarter>
  inline __attribute__((always_inline)) void unpack_beside(std::int64_t first) {
    settle_memory();
    constexpr std::int64_t kStep = step_beside(kQuarter);
    if constexpr (unpacks(kQuarter)) unpack<kWhole>(first + kStep, kStep % kRingSteps);
    settle_memory();
  }
};

/// Codes of up to 32 tokens, and where what is made of their sums will be stored.
struct Tokens {
  const std::int8_t *first, *second;
  std::int64_t stride;
  const float* y;
  std::int64_t y_stride, fetched;
};

/// Fetches into the first cache what some tiles on will be loaded of eight rows of codes: a tile's sixteen lines from
/// the second cache, waited for one after the other, take longer than its products.
inline void fetch_codes(const std::int8_t* rows, std::int64_t stride, std::int64_t tile) {
  constexpr std::int64_t kTilesAhead = 3;
  for (std::int64_t r = 0; r < 8; ++r) {
    _mm_prefetch(reinterpret_cast<const char*>(rows + r * stride + (tile + kTilesAhead) * kTileCols), _MM_HINT_T0);
  }
}

/// The tile at kPlace of the five that begin with tile `first_tile`.
template <int kGroups, int kTokenTiles, bool kPrefetch, bool kWhole, int kPlace>
inline __attribute__((always_inline)) void multiply_tile(Weights<kGroups, kPrefetch>& weights, const Tokens& tokens,
                                                         std::int64_t first_tile) {
  const std::int64_t tile = first_tile + kPlace, step = first_tile / kRingTiles * kRingSteps;
  // A line of y that is not there yet would be waited for once for each token after the multiplication.
  if (tile < tokens.fetched) {
    for (int g = 0; g < kGroups; ++g) {
      _mm_prefetch(reinterpret_cast<const char*>(tokens.y + tile * tokens.y_stride + g * kGroupRows), _MM_HINT_T0);
    }
  }
  constexpr bool kSecondTile = kTokenTiles == 2;  // of tokens
  _tile_loadd(4, tokens.first + tile * kTileCols, tokens.stride);
  _tile_loadd(6, weights.tile(0, kPlace), kFieldBytes);
  if constexpr (kSecondTile) fetch_codes(tokens.first, tokens.stride, tile);
  weights.template unpack_beside<kWhole, 4 * kPlace>(step);
  _tile_dpbsud(0, 4, 6);
  if constexpr (kGroups == 2) _tile_loadd(7, weights.tile(1, kPlace), kFieldBytes);
  if constexpr (kSecondTile) fetch_codes(tokens.first + 8 * tokens.stride, tokens.stride, tile);
  weights.template unpack_beside<kWhole, 4 * kPlace + 1>(step);
  if constexpr (kGroups == 2) _tile_dpbsud(1, 4, 7);
  if constexpr (kSecondTile) _tile_loadd(5, tokens.second + tile * kTileCols, tokens.stride);
  if constexpr (kSecondTile) fetch_codes(tokens.second, tokens.stride, tile);
  weights.template unpack_beside<kWhole, 4 * kPlace + 2>(step);
  if constexpr (kSecondTile) _tile_dpbsud(2, 5, 6);
  if constexpr (kSecondTile) fetch_codes(tokens.second + 8 * tokens.stride, tokens.stride, tile);
  weights.template unpack_beside<kWhole, 4 * kPlace + 3>(step);
  if constexpr (kGroups == 2 && kSecondTile) _tile_dpbsud(3, 5, 7);
}

/// All columns of one or two groups with up to 16 or 32 tokens.
template <int kGroups, int kTokenTiles, bool kPrefetch>
void multiply_block(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  const std::int64_t tiles = (task.steps * kTritFields + kTileFields - 1) / kTileFields;
  alignas(64) std::uint8_t rings[kGroups * kRingBytes];
  Weights<kGroups, kPrefetch> weights{task.weights + group * task.steps * kStepBytes, task.steps, rings, {}};
  const std::int8_t* codes = task.codes + token * task.code_stride;
  Tokens tokens{codes, codes + kTileTokens * task.code_stride, task.code_stride, nullptr, task.y_stride, 0};
  if (task.y != nullptr) {
    tokens.y = task.y + token * task.y_stride + group * kGroupRows;
    tokens.fetched = task.tokens - token < kBlockTokens ? task.tokens - token : kBlockTokens;
  }
  _tile_zero(0);
  if constexpr (kGroups == 2) _tile_zero(1);
  if constexpr (kTokenTiles == 2) _tile_zero(2);
  if constexpr (kGroups == 2 && kTokenTiles == 2) _tile_zero(3);
  for (std::int64_t step = 0; step < kStepsAhead; ++step) weights.template unpack<false>(step, step);
  settle_memory();
  std::int64_t first_tile = 0;
  for (; first_tile / kRingTiles * kRingSteps + kStepsAhead + kRingSteps <= task.steps; first_tile += kRingTiles) {
    multiply_tile<kGroups, kTokenTiles, kPrefetch, true, 0>(weights, tokens, first_tile);
    multiply_tile<kGroups, kTokenTiles, kPrefetch, true, 1>(weights, tokens, first_tile);
    multiply_tile<kGroups, kTokenTiles, kPrefetch, true, 2>(weights, tokens, first_tile);
    multiply_tile<kGroups, kTokenTiles, kPrefetch, true, 3>(weights, tokens, first_tile);
    multiply_tile<kGroups, kTokenTiles, kPrefetch, true, 4>(weights, tokens, first_tile);
  }
  for (; first_tile < tiles; first_tile += kRingTiles) {
    multiply_tile<kGroups, kTokenTiles, kPrefetch, false, 0>(weights, tokens, first_tile);
    if (first_tile + 1 < tiles) multiply_tile<kGroups, kTokenTiles, kPrefetch, false, 1>(weights, tokens, first_tile);
    if (first_tile + 2 < tiles) multiply_tile<kGroups, kTokenTiles, kPrefetch, false, 2>(weights, tokens, first_tile);
    if (first_tile + 3 < tiles) multiply_tile<kGroups, kTokenTiles, kPrefetch, false, 3>(weights, tokens, first_tile);
    if (first_tile + 4 < tiles) multiply_tile<kGroups, kTokenTiles, kPrefetch, false, 4>(weights, tokens, first_tile);
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
  if (task.tokens <= kBlockTokens) return multiply_rest<kGroups, true>(task, group, 0);
  multiply_block<kGroups, 2, true>(task, group, 0);
  std::int64_t token = kBlockTokens;
  for (; token + kBlockTokens <= task.tokens; token += kBlockTokens)
    multiply_block<kGroups, 2, false>(task, group, token);
  if (token == task.tokens) return;
  configure(task.tokens - token);
  multiply_rest<kGroups, false>(task, group, token);
  configure(kBlockTokens);
}

}  // namespace

void ternary_amx_int8(const TernaryTask& task) noexcept {
  configure(task.tokens < kBlockTokens ? task.tokens : kBlockTokens);
  std::int64_t group = 0;
  for (; group + 2 <= task.groups; group += 2) multiply_groups<2>(task, group);
  if (group < task.groups) multiply_groups<1>(task, group);
  _tile_release();
}

}  // namespace bh::engine
