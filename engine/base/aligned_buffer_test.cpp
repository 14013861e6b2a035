// Large buffers come from the system, small ones from the heap: both zeroed and aligned.
#include "engine/base/aligned_buffer.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "tests/support/catch.h"

using bh::AlignedBuffer;

TEST_CASE("buffers of every size are zeroed, aligned and writable to the end") {
  for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, (std::size_t{4} << 20) - 1, std::size_t{4} << 20,
                                 (std::size_t{6} << 20) + 3}) {
    AlignedBuffer<std::uint8_t> buffer(size);
    CAPTURE(size);
    REQUIRE(buffer.size() == size);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % (size >= std::size_t{4} << 20 ? 2 << 20 : 64) == 0);
    CHECK(std::count(buffer.data(), buffer.data() + size, 0) == static_cast<std::ptrdiff_t>(size));
    buffer[size - 1] = 5;
    CHECK(buffer.span().back() == 5);
  }
}

TEST_CASE("a buffer keeps its values when it is moved") {
  for (const std::size_t size : {std::size_t{100}, std::size_t{5} << 20}) {
    AlignedBuffer<std::uint32_t> first(size);
    first[size - 1] = 77;
    AlignedBuffer<std::uint32_t> second = std::move(first);
    AlignedBuffer<std::uint32_t> third(3);
    third = std::move(second);
    CHECK(third[size - 1] == 77);
  }
}

TEST_CASE("a buffer beyond all memory is refused") {
  CHECK_THROWS_AS(AlignedBuffer<std::uint64_t>(std::size_t{1} << 60), std::bad_alloc);
  CHECK_THROWS_AS(AlignedBuffer<std::uint8_t>(std::size_t{1} << 47), std::bad_alloc);
}
