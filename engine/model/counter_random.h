// Random numbers by index: the n-th value of a named stream, whatever was asked before, so that tensors can be made in
// any order and in parallel, with the same bits on every platform.
#pragma once

#include <cstdint>
#include <string_view>

namespace bh::engine {

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014) read at any position.
class CounterRandom {
 public:
  CounterRandom(std::uint64_t seed, std::string_view stream) noexcept : key_(mix(seed + kGamma)) {
    std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
    for (const char c : stream) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    key_ = mix(key_ ^ hash);
  }

  std::uint64_t bits(std::uint64_t index) const noexcept { return mix(key_ + (index + 1) * kGamma); }

  /// [0, 1)
  float uniform(std::uint64_t index) const noexcept { return static_cast<float>(bits(index) >> 40) * 0x1p-24f; }

  /// Mean 0, variance 1: the sum of four uniforms of 16 bits, so never beyond +-3.47.
  float gaussian(std::uint64_t index) const noexcept {
    const std::uint64_t word = bits(index);
    const auto sum =
        static_cast<std::int32_t>((word & 0xffff) + ((word >> 16) & 0xffff) + ((word >> 32) & 0xffff) + (word >> 48));
    return static_cast<float>(sum - 2 * 0xffff) * kGaussianStep;
  }

 private:
  static constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15u;
  static constexpr float kGaussianStep = 0x1.bb67aep-16f;  // sqrt(3) / 65536: four times (65536^2 - 1) / 12 is 1

  static std::uint64_t mix(std::uint64_t z) noexcept {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  std::uint64_t key_;
};

}  // namespace bh::engine
