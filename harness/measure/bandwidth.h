// How fast this machine reads memory, for a working set and a number of threads: the roof that the speed of decoding is
// held against. Sampled between the samples of what is measured, so that both see the same neighbours.
#pragma once

#include <cstdint>

#include "engine/base/aligned_buffer.h"
#include "engine/base/thread_pool.h"
#include "harness/core/clock.h"

namespace bh::harness {

class BandwidthProbe {
 public:
  /// Allocates and touches the working set, at least 1 MiB, rounded up to whole chunks. `threads` 0 = every usable
  /// core. Throws Error(setup) where the memory is not there.
  BandwidthProbe(std::uint64_t working_set_bytes, int threads);

  /// Bytes read per second, over as many whole passes as take `min_ns` or more.
  double sample(std::int64_t min_ns, const Clock& clock);

  std::uint64_t working_set_bytes() const noexcept { return words_.size() * sizeof(std::uint64_t); }
  int threads() const noexcept { return pool_.threads(); }
  /// Sum of all words read in the last pass: every byte was really fetched.
  std::uint64_t checksum() const noexcept { return checksum_; }

 private:
  void pass() noexcept;

  ThreadPool pool_;
  AlignedBuffer<std::uint64_t> words_;
  AlignedBuffer<std::uint64_t> sums_;  ///< one cache line a thread
  std::uint64_t checksum_ = 0;
};

}  // namespace bh::harness
