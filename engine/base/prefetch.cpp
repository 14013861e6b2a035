#include "engine/base/prefetch.h"

#include "engine/base/host.h"

namespace bh {
namespace {

// One distance alone left between half and nine tenths of the speed on Emerald Rapids (AVX2 to AVX-512, g++ 12 and
// clang 14, code at several offsets). ARM-64 has not been asked for distances of its own.
constexpr StreamAhead kIntel{1536, 5120};
// Zen 4 decodes 1.1 times as fast with any second distance from 8 to 24 KiB as with 5 KiB, and reads bare streams 1.25
// times as fast with one distance. Zen 3 does not care.
constexpr StreamAhead kAmd{1536, 8192}, kAmdBare{4096, 4096};

}  // namespace

const StreamAhead kStreamAhead = made_by_amd() ? kAmd : kIntel;
const StreamAhead kBareStreamAhead = made_by_amd() ? kAmdBare : kIntel;

}  // namespace bh
