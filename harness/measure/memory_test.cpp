#include "harness/measure/memory.h"

#include <vector>

#include "tests/support/catch.h"
#include "tests/support/sanitized.h"

using namespace bh::harness;

TEST_CASE("A large buffer shows in the peak of memory, and a reset forgets it") {
  constexpr std::uint64_t kBytes = 96 << 20;
  const MemoryUse before = read_memory();
  CHECK(before.peak_bytes >= before.resident_bytes);
  {
    std::vector<char> buffer(kBytes, 1);
    __asm__ volatile("" : : "r"(buffer.data()) : "memory");  // or a compiler may leave it out
    CHECK(read_memory().resident_bytes >= before.resident_bytes + kBytes / 2);
  }
  CHECK(read_memory().peak_bytes >= before.resident_bytes + kBytes / 2);
  if (bh::test::kSanitized) return;  // a sanitizer keeps freed memory for a while
  if (reset_peak_memory()) CHECK(read_memory().peak_bytes < before.resident_bytes + kBytes / 2);
}
