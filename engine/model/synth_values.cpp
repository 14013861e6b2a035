// The values of made tensors, from a counter-based generator: any part of any tensor, in any order, on any thread.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "engine/base/float_types.h"
#include "engine/model/counter_random.h"
#include "engine/model/synth_plan.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kBlock = i2_s::kBlock;
constexpr unsigned kZeros = 41;                   // magnitudes of a block that round to zero
constexpr std::int64_t kChunkElements = 1 << 16;  // one thread's share at a time

/// Magnitude of rank k of a block, in 128ths of the scale: 21 .. 61 for zeros, 83, 85 .. 255 for the others. Their sum
/// is 128 * 128, so the mean is the scale, and half of it lies in the gap, far from all of them.
unsigned magnitude(unsigned k) noexcept { return k < kZeros ? 21 + k : 83 + 2 * (k - kZeros); }

/// A random order of the ranks 0 .. 127 and random signs for one block.
struct Block {
  std::uint64_t signs[2];
  unsigned factor1, flips, factor2, shift;

  Block(const CounterRandom& random, std::int64_t index) noexcept {
    const auto at = 3 * static_cast<std::uint64_t>(index);
    signs[0] = random.bits(at);
    signs[1] = random.bits(at + 1);
    const std::uint64_t order = random.bits(at + 2);
    factor1 = static_cast<unsigned>(order & 0x7f) | 1;
    flips = static_cast<unsigned>(order >> 7) & 0x7f;
    factor2 = (static_cast<unsigned>(order >> 14) & 0x7f) | 1;
    shift = static_cast<unsigned>(order >> 21) & 0x7f;
  }
  /// Odd factors, xor and shift each map 0 .. 127 onto itself.
  unsigned rank(unsigned position) const noexcept { return (((position * factor1) ^ flips) * factor2 + shift) & 0x7f; }
  unsigned negative(unsigned position) const noexcept {
    return static_cast<unsigned>(signs[position / 64] >> (position % 64)) & 1u;
  }
};

using Codes = std::array<std::uint8_t, kBlock>;

Codes codes_of(const CounterRandom& random, std::int64_t index) noexcept {
  const Block block(random, index);
  Codes codes;
  for (unsigned p = 0; p < kBlock; ++p)
    codes[p] = static_cast<std::uint8_t>(block.rank(p) < kZeros ? 1u : 2u - 2u * block.negative(p));
  return codes;
}

/// Calls visit(block index, first position in it, count, offset in the range) for every block of a range of elements.
template <class Visit>
void for_each_block(std::int64_t first, std::int64_t count, const Visit& visit) {
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t position = (first + done) % kBlock, take = std::min(kBlock - position, count - done);
    visit((first + done) / kBlock, position, take, done);
    done += take;
  }
}

void fill_ternary(const SynthPlan& plan, const SynthTensor& tensor, ThreadPool& pool, std::span<std::byte> dst) {
  const CounterRandom random(plan.seed, tensor.name);
  const std::int64_t blocks = tensor.rows * tensor.cols / kBlock, per_chunk = kChunkElements / kBlock;
  pool.run((blocks + per_chunk - 1) / per_chunk, [&](std::int64_t chunk, int) {
    const std::int64_t end = std::min(blocks, (chunk + 1) * per_chunk);
    for (std::int64_t b = chunk * per_chunk; b < end; ++b)
      i2_s::pack_block(codes_of(random, b).data(), dst.data() + b * (kBlock / 4));
  });
  i2_s::set_scale(dst, tensor.scale);
}

void fill_floats(const SynthPlan& plan, const SynthTensor& tensor, ThreadPool& pool, std::span<std::byte> dst) {
  const WeightFormat& format = weight_format(stored_type(plan, tensor));
  const std::int64_t per_chunk = std::max<std::int64_t>(1, kChunkElements / tensor.cols);
  const std::size_t row_bytes = dst.size() / static_cast<std::size_t>(tensor.rows);
  std::vector<std::vector<float>> scratch(static_cast<std::size_t>(pool.threads()),
                                          std::vector<float>(static_cast<std::size_t>(per_chunk * tensor.cols)));
  pool.run((tensor.rows + per_chunk - 1) / per_chunk, [&](std::int64_t chunk, int thread) {
    const std::int64_t row = chunk * per_chunk, rows = std::min(per_chunk, tensor.rows - row);
    const auto values =
        std::span(scratch[static_cast<std::size_t>(thread)]).first(static_cast<std::size_t>(rows * tensor.cols));
    synth_floats(plan, tensor, row * tensor.cols, values);
    format.encode(values, rows, tensor.cols,
                  dst.subspan(static_cast<std::size_t>(row) * row_bytes, static_cast<std::size_t>(rows) * row_bytes));
  });
}

}  // namespace

void synth_codes(const SynthPlan& plan, const SynthTensor& tensor, std::int64_t first, std::span<std::uint8_t> dst) {
  const CounterRandom random(plan.seed, tensor.name);
  for_each_block(first, static_cast<std::int64_t>(dst.size()), [&](auto index, auto position, auto count, auto offset) {
    const Codes codes = codes_of(random, index);
    std::copy_n(codes.begin() + position, count, dst.begin() + offset);
  });
}

void synth_master(const SynthPlan& plan, const SynthTensor& tensor, std::int64_t first, std::span<std::uint16_t> dst) {
  const CounterRandom random(plan.seed, tensor.name);
  std::array<std::uint16_t, kBlock> values;  // by rank
  for (unsigned k = 0; k < kBlock; ++k)
    values[k] = float_to_bf16(static_cast<float>(magnitude(k)) / 128.0f * tensor.scale);
  for_each_block(first, static_cast<std::int64_t>(dst.size()), [&](auto index, auto position, auto count, auto offset) {
    const Block block(random, index);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto p = static_cast<unsigned>(position + i);
      dst[static_cast<std::size_t>(offset + i)] =
          static_cast<std::uint16_t>(values[block.rank(p)] | block.negative(p) << 15);
    }
  });
}

void synth_floats(const SynthPlan& plan, const SynthTensor& tensor, std::int64_t first, std::span<float> dst) {
  const CounterRandom random(plan.seed, tensor.name);
  const float mean = tensor.kind == SynthTensor::Kind::norm ? 1.0f : 0.0f;
  auto index = static_cast<std::uint64_t>(first);
  for (float& value : dst) {
    const float exact = mean + tensor.scale * random.gaussian(index++);
    value = half_to_float(float_to_half(bf16_to_float(float_to_bf16(exact))));
  }
}

TensorType stored_type(const SynthPlan& plan, const SynthTensor& tensor) {
  switch (tensor.kind) {
    case SynthTensor::Kind::embedding:
      return plan.embedding_type;
    case SynthTensor::Kind::norm:
      return TensorType::f32;
    case SynthTensor::Kind::ternary:
      break;
  }
  return TensorType::i2_s;
}

void fill_synth(const SynthPlan& plan, const SynthTensor& tensor, ThreadPool& pool, std::span<std::byte> dst) {
  if (tensor.kind == SynthTensor::Kind::ternary) {
    fill_ternary(plan, tensor, pool, dst);
  } else {
    fill_floats(plan, tensor, pool, dst);
  }
}

}  // namespace bh::engine
