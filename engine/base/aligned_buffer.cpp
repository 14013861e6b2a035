#include "engine/base/aligned_buffer.h"

#include <sys/mman.h>

#include <cstdint>

namespace bh {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::size_t whole_pages(std::size_t bytes) { return (bytes + kHugePage - 1) / kHugePage * kHugePage; }

}  // namespace

void* map_zeroed(std::size_t bytes) {
  const std::size_t size = whole_pages(bytes), reserved = size + kHugePage;
  void* memory = ::mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  // What lies before and behind the aligned part goes back.
  auto* const first = static_cast<std::byte*>(memory);
  const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(first) % kHugePage) % kHugePage;
  std::byte* const aligned = first + before;
  if (before != 0) ::munmap(first, before);
  ::munmap(aligned + size, kHugePage - before);
  ::madvise(aligned, size, MADV_HUGEPAGE);
  return aligned;
}

void unmap_zeroed(void* memory, std::size_t bytes) noexcept { ::munmap(memory, whole_pages(bytes)); }

}  // namespace bh
