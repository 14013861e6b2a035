// Four neighbouring bytes in every lane of a vector, and what they are multiplied with, for the x86 sources.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace bh::engine {
namespace {

inline std::int32_t four_bytes(const std::int8_t* bytes) {
  std::int32_t word;
  __builtin_memcpy(&word, bytes, 4);
  return word;
}

inline __m256i broadcast_256(const std::int8_t* bytes) { return _mm256_set1_epi32(four_bytes(bytes)); }
#if defined(__AVX512VNNI__)
inline __m512i broadcast_512(const std::int8_t* bytes) { return _mm512_set1_epi32(four_bytes(bytes)); }

/// sum + fields * inputs. GCC 12 wraps the intrinsic's instruction in moves, which fill the front end.
inline __m512i multiply_add(__m512i sum, __m512i fields, __m512i inputs) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(fields), "v"(inputs));
  return sum;
}
#endif

}  // namespace
}  // namespace bh::engine
