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
constexpr std::int64_t kAhead = 2;  // tiles: stores have then reached the cache that tiles are loaded from
constexpr std::int64_t kRingTiles = 4;
constexpr std::int64_t kRingFields = kRingTiles * kTileFields;

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

// A ring of the latest fields of each group, one behind the other.
constexpr std::int64_t kRingBytes = kRingFields * kFieldBytes;

inline std::uint8_t* ring_field(std::uint8_t* rings, int group, std::uint64_t index) {
  return rings + group * kRingBytes + index % kRingFields * kFieldBytes;
}
inline const std::uint8_t* ring_tile(const std::uint8_t* rings, int group, std::uint64_t index) {
  return rings + group * kRingBytes + index % kRingTiles * kTileFields * kFieldBytes;
}

/// Unpacks steps of kGroups groups, one after the other. kPrefetch: the weights may not be in a cache yet. Holds no
/// arrays, so that compilers keep it in registers.
template <int kGroups, bool kPrefetch>
class Unpacker {
 public:
  Unpacker(const std::uint8_t* weights, std::int64_t steps) : weights_(weights), steps_(steps) {}

  /// Unpacks one step if fewer than `fields` fields are unpacked. Behind the last step come fields of zeros, to a whole
  /// tile.
  inline __attribute__((always_inline)) void advance_to(std::uint64_t fields, std::uint8_t* rings) {
    if (fields_ >= fields || step_ == steps_) return;
    for (int g = 0; g < kGroups; ++g) {
      const std::uint8_t* weights = weights_ + (g * steps_ + step_) * kStepBytes;
      const __m512i mask = _mm512_set1_epi8(0x03);
      if constexpr (kPrefetch) prefetch_stream(weights);
      TritDecoder::Fields four_and_one = decoder_.decode(_mm512_loadu_si512(weights));
      for (std::uint64_t f = 0; f < 4; ++f) {
        _mm512_store_si512(ring_field(rings, g, fields_ + f), _mm512_and_si512(four_and_one.four, mask));
        four_and_one.four = _mm512_srli_epi16(four_and_one.four, 2);
      }
      // 0, 81 or 162: the two upper bits are the trit.
      _mm512_store_si512(ring_field(rings, g, fields_ + 4),
                         _mm512_and_si512(_mm512_srli_epi16(four_and_one.fifth, 6), mask));
    }
    fields_ += kTritFields;
    if (++step_ < steps_) return;
    for (; fields_ % kTileFields != 0; ++fields_) {
      for (int g = 0; g < kGroups; ++g) _mm512_store_si512(ring_field(rings, g, fields_), _mm512_setzero_si512());
    }
  }

 private:
  TritDecoder decoder_;
  const std::uint8_t* weights_;
  std::int64_t steps_, step_ = 0;
  std::uint64_t fields_ = 0;
};

/// All columns of one or two groups with up to 16 or 32 tokens.
template <int kGroups, int kTokenTiles, bool kPrefetch>
void multiply_block(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  const std::int64_t tiles = (task.steps * kTritFields + kTileFields - 1) / kTileFields;
  const auto stride = task.code_stride;
  const std::int8_t* first = task.codes + token * stride;
  const std::int8_t* second = first + kTileTokens * stride;
  alignas(64) std::uint8_t rings[kGroups * kRingBytes];
  Unpacker<kGroups, kPrefetch> weights(task.weights + group * task.steps * kStepBytes, task.steps);
  // A line of y that is not there yet would be waited for once for each token after the multiplication.
  const std::int64_t rest = task.tokens - token;
  const std::int64_t fetched = task.y == nullptr ? 0 : rest < kBlockTokens ? rest : kBlockTokens;
  const float* y = task.y == nullptr ? nullptr : task.y + token * task.y_stride + group * kGroupRows;

  _tile_zero(0);
  if constexpr (kGroups == 2) _tile_zero(1);
  if constexpr (kTokenTiles == 2) _tile_zero(2);
  if constexpr (kGroups == 2 && kTokenTiles == 2) _tile_zero(3);
  for (std::int64_t field = 0; field < kAhead * kTileFields; field += kTritFields) {
    weights.advance_to(kAhead * kTileFields, rings);
  }
  settle_memory();
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    // A quarter of a tile is unpacked before each multiplication.
    const auto unpack = [&, fields = (tile + kAhead) * kTileFields](int quarter) {
      settle_memory();
      weights.advance_to(static_cast<std::uint64_t>(fields + (quarter + 1) * kTileFields / 4), rings);
      settle_memory();
    };
    if (tile < fetched) {
      for (int g = 0; g < kGroups; ++g) {
        _mm_prefetch(reinterpret_cast<const char*>(y + tile * task.y_stride + g * kGroupRows), _MM_HINT_T0);
      }
    }
    // Codes come from the second cache and are used once for each pair of groups: the hint spares the first cache.
    _tile_stream_loadd(4, first + tile * kTileCols, stride);
    _tile_loadd(6, ring_tile(rings, 0, static_cast<std::uint64_t>(tile)), kFieldBytes);
    unpack(0);
    _tile_dpbsud(0, 4, 6);
    if constexpr (kGroups == 2) _tile_loadd(7, ring_tile(rings, 1, static_cast<std::uint64_t>(tile)), kFieldBytes);
    unpack(1);
    if constexpr (kGroups == 2) _tile_dpbsud(1, 4, 7);
    if constexpr (kTokenTiles == 2) _tile_stream_loadd(5, second + tile * kTileCols, stride);
    unpack(2);
    if constexpr (kTokenTiles == 2) _tile_dpbsud(2, 5, 6);
    unpack(3);
    if constexpr (kGroups == 2 && kTokenTiles == 2) _tile_dpbsud(3, 5, 7);
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
