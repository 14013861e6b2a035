#include "engine/base/prefetch.h"

#include "engine/base/host.h"

namespace bh {
namespace {

// With one distance instead of two, decoding ran at 0.5 to 0.9 of the speed on Emerald Rapids (AVX2 to AVX-512, g++ 12
// and clang 14, code at several offsets). ARM-64 has not been asked for distances of its own.
constexpr StreamAhead kUsual{1536, 5120};
// Zen 4, one thread: with any second distance from 8 to 24 KiB instead of 5, decoding takes 0.9 of the time. With one
// distance, the bandwidth probe reads 1.25 and the AVX-512 screen of one input 1.3 times as fast. Zen 3 does not care.
constexpr StreamAhead kAmd{1536, 8192}, kAmdBare{4096, 4096};  // equal ones are one distance

}  // namespace

const StreamAhead kStreamAhead = made_by_amd() ? kAmd : kUsual;
const StreamAhead kBareStreamAhead = made_by_amd() ? kAmdBare : kUsual;

}  // namespace bh
