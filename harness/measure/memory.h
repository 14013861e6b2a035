// How much memory this process holds and held at most, as the kernel counts it.
#pragma once

#include <cstdint>

namespace bh::harness {

struct MemoryUse {
  std::uint64_t resident_bytes = 0;
  std::uint64_t peak_bytes = 0;  ///< since the start, or since reset_peak_memory()
};

/// Reads /proc/self/status. Throws Error(setup) where it has no such figures.
MemoryUse read_memory();

/// Starts the peak anew. False where the kernel does not allow it.
bool reset_peak_memory() noexcept;

}  // namespace bh::harness
