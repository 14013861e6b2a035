#include "harness/measure/core_clock.h"

#include <algorithm>

namespace bh::harness {
namespace {

#if defined(__x86_64__)
constexpr bool kKnown = true;
#define BH_LINK "add %0, %0\n\t"
#elif defined(__aarch64__)
constexpr bool kKnown = true;
#define BH_LINK "add %0, %0, %0\n\t"
#else
constexpr bool kKnown = false;
#define BH_LINK ""
#endif

constexpr std::int64_t kLinks = 16384;  // a chain of some microseconds: short enough to run undisturbed once

void run_chain() noexcept {
  std::uint64_t value = 3;
  for (std::int64_t i = 0; i < kLinks; i += 8) {
    __asm__ volatile(BH_LINK BH_LINK BH_LINK BH_LINK BH_LINK BH_LINK BH_LINK BH_LINK : "+r"(value) : : "cc");
  }
}

}  // namespace

double core_clock_hz(std::int64_t ns, const Clock& clock) {
  if (!kKnown) return 0;
  double fastest = 0;
  const std::int64_t end = clock.steady_ns() + ns;
  do {
    const std::int64_t start = clock.steady_ns();
    run_chain();
    const std::int64_t took = std::max<std::int64_t>(clock.steady_ns() - start, 1);
    fastest = std::max(fastest, static_cast<double>(kLinks) / (static_cast<double>(took) * 1e-9));
  } while (clock.steady_ns() < end);
  return fastest;
}

}  // namespace bh::harness
