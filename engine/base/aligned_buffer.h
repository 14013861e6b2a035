// A zero-initialised array of trivial values, aligned for any SIMD load and for huge pages where it is large.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

namespace bh {

/// Zeroed memory from the system, aligned to 2 MiB and with a hint for huge pages: it takes room only where it is
/// touched, and whoever touches it first, on whatever thread, has the system zero it. Throws std::bad_alloc.
void* map_zeroed(std::size_t bytes);
void unmap_zeroed(void* memory, std::size_t bytes) noexcept;

/// Owns `size()` zeroed values of T, aligned to 64 bytes (from 4 MiB on as map_zeroed does). Move-only. Throws
/// std::bad_alloc.
template <class T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t size) : size_(size) {
    if (size == 0) return;
    if (size > (std::size_t{1} << 48) / sizeof(T)) throw std::bad_alloc();
    const std::size_t bytes = size * sizeof(T);
    if (bytes >= kMapFrom) {
      data_ = std::unique_ptr<T[], Free>(static_cast<T*>(map_zeroed(bytes)), Free{bytes});
      return;
    }
    const std::size_t rounded = (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
    void* memory = std::aligned_alloc(kCacheLine, rounded);
    if (memory == nullptr) throw std::bad_alloc();
    std::memset(memory, 0, rounded);
    data_ = std::unique_ptr<T[], Free>(static_cast<T*>(memory), Free{0});
  }

  T* data() noexcept { return data_.get(); }
  const T* data() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  std::span<T> span() noexcept { return {data(), size_}; }
  std::span<const T> span() const noexcept { return {data(), size_}; }

 private:
  static constexpr std::size_t kCacheLine = 64;
  static constexpr std::size_t kMapFrom = std::size_t{4} << 20;

  struct Free {
    std::size_t mapped_bytes = 0;  ///< 0 = from the heap
    void operator()(T* pointer) const noexcept {
      if (mapped_bytes == 0) {
        std::free(pointer);
      } else {
        unmap_zeroed(pointer, mapped_bytes);
      }
    }
  };
  std::unique_ptr<T[], Free> data_;
  std::size_t size_ = 0;
};

}  // namespace bh
