// Ternary products of several tokens in 256-bit registers, for AVX2 and AVX-VNNI. Included by the one source of each
// instruction set, which says in a struct how products are added up:
//
//   static constexpr std::int64_t kRun;                    // products that `add` may put into one sum
//   static __m256i add(__m256i sum, __m256i field, __m256i codes);
//   static __m256i widen(__m256i sum);                     // to sums of eight rows in int32

#include <immintrin.h>

#include "engine/base/prefetch.h"
#include "engine/cpu/broadcast_x86.h"
#include "engine/cpu/kernels.h"
#include "engine/cpu/token_counts.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kFields = kStepCols / 4;

/// Codes of four columns of a group, 64 bytes a field: a panel of 32 steps fills 8 KiB.
constexpr std::int64_t kPanelFields = 32 * kFields;

inline __m256i load(const std::uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline __m256i load(const std::int32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline void store(std::int32_t* p, __m256i v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }

/// Writes the fields of `steps` steps one after another.
inline void unpack(const std::uint8_t* weights, std::int64_t steps, std::uint8_t* fields) {
  const __m256i mask = _mm256_set1_epi8(0x03);
  for (std::int64_t step = 0; step < steps; ++step, weights += kStepBytes) {
    prefetch_stream(weights);
    __m256i packed[2] = {load(weights), load(weights + 32)};
    for (std::int64_t f = 0; f < kFields; ++f, fields += kStepBytes) {
      for (int half = 0; half < 2; ++half) {
        _mm256_store_si256(reinterpret_cast<__m256i*>(fields + 32 * half), _mm256_and_si256(packed[half], mask));
        packed[half] = _mm256_srli_epi16(packed[half], 2);
      }
    }
  }
}

/// Adds `count` unpacked fields times the codes of kTokens tokens to dst[kTokens, kGroupRows], or sets it.
template <class Sums, int kTokens>
void multiply_fields(const std::uint8_t* fields, std::int64_t count, const std::int8_t* codes, std::int64_t stride,
                     bool add, std::int32_t* dst) {
  __m256i totals[kTokens][2];
  for (int t = 0; t < kTokens; ++t) {
    for (int half = 0; half < 2; ++half) {
      totals[t][half] = add ? load(dst + t * kGroupRows + 8 * half) : _mm256_setzero_si256();
    }
  }
  for (std::int64_t field = 0; field < count;) {
    const std::int64_t stop = field + Sums::kRun < count ? field + Sums::kRun : count;
    __m256i sums[kTokens][2];
    for (int t = 0; t < kTokens; ++t) sums[t][0] = sums[t][1] = _mm256_setzero_si256();
    for (; field < stop; ++field, fields += kStepBytes, codes += 4) {
      const __m256i low = load(fields), high = load(fields + 32);
      for (int t = 0; t < kTokens; ++t) {
        const __m256i a = broadcast_256(codes + t * stride);
        sums[t][0] = Sums::add(sums[t][0], low, a);
        sums[t][1] = Sums::add(sums[t][1], high, a);
      }
    }
    for (int t = 0; t < kTokens; ++t) {
      for (int half = 0; half < 2; ++half) {
        totals[t][half] = _mm256_add_epi32(totals[t][half], Sums::widen(sums[t][half]));
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int half = 0; half < 2; ++half) store(dst + t * kGroupRows + 8 * half, totals[t][half]);
  }
}

/// Many tokens: a panel of fields is unpacked into the first cache and multiplied with all of them.
template <class Sums>
void panel_product(const TernaryTask& task, std::int64_t group) {
  alignas(32) std::uint8_t panel[kPanelFields * kStepBytes];
  constexpr std::int64_t kSteps = kPanelFields / kFields;
  for (std::int64_t step = 0; step < task.steps; step += kSteps) {
    const std::int64_t steps = step + kSteps < task.steps ? kSteps : task.steps - step;
    unpack(task.weights + (group * task.steps + step) * kStepBytes, steps, panel);
    std::int64_t token = 0;
    const auto multiply = [&](auto kernel, std::int64_t tokens) {
      kernel(panel, steps * kFields, task.codes + token * task.code_stride + step * kStepCols, task.code_stride,
             step > 0, task.sums + (group * task.tokens + token) * kGroupRows);
      token += tokens;
    };
    while (token + 6 <= task.tokens) multiply(multiply_fields<Sums, 6>, 6);
    switch (task.tokens - token) {
      case 5:
        multiply(multiply_fields<Sums, 5>, 5);
        break;
      case 4:
        multiply(multiply_fields<Sums, 4>, 4);
        break;
      case 3:
        multiply(multiply_fields<Sums, 3>, 3);
        break;
      case 2:
        multiply(multiply_fields<Sums, 2>, 2);
        break;
      case 1:
        multiply(multiply_fields<Sums, 1>, 1);
        break;
      default:
        break;
    }
  }
}

/// Two to four tokens share the fields in registers: too few to pay for a panel.
template <class Sums, int kTokens>
void register_product(const TernaryTask& task, std::int64_t group, std::int64_t token) {
  const std::uint8_t* weights = task.weights + group * task.steps * kStepBytes;
  const std::int8_t* codes = task.codes + token * task.code_stride;
  const __m256i mask = _mm256_set1_epi8(0x03);
  __m256i totals[kTokens][2];
  for (int t = 0; t < kTokens; ++t) totals[t][0] = totals[t][1] = _mm256_setzero_si256();
  for (std::int64_t step = 0; step < task.steps;) {
    constexpr std::int64_t kSteps = Sums::kRun / kFields;
    const std::int64_t stop = step + kSteps < task.steps ? step + kSteps : task.steps;
    __m256i sums[kTokens][2];
    for (int t = 0; t < kTokens; ++t) sums[t][0] = sums[t][1] = _mm256_setzero_si256();
    for (; step < stop; ++step, weights += kStepBytes, codes += kStepCols) {
      prefetch_stream(weights);
      __m256i packed0 = load(weights), packed1 = load(weights + 32);
      for (std::int64_t f = 0; f < kFields; ++f) {
        const __m256i low = _mm256_and_si256(packed0, mask), high = _mm256_and_si256(packed1, mask);
        for (int t = 0; t < kTokens; ++t) {
          const __m256i a = broadcast_256(codes + t * task.code_stride + 4 * f);
          sums[t][0] = Sums::add(sums[t][0], low, a);
          sums[t][1] = Sums::add(sums[t][1], high, a);
        }
        packed0 = _mm256_srli_epi16(packed0, 2);
        packed1 = _mm256_srli_epi16(packed1, 2);
      }
    }
    for (int t = 0; t < kTokens; ++t) {
      for (int half = 0; half < 2; ++half) {
        totals[t][half] = _mm256_add_epi32(totals[t][half], Sums::widen(sums[t][half]));
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    std::int32_t* dst = task.sums + (group * task.tokens + token + t) * kGroupRows;
    store(dst, totals[t][0]);
    store(dst + 8, totals[t][1]);
  }
}

/// All of a task; `one_token` multiplies one group with one token.
template <class Sums, class OneToken>
void multiply_task(const TernaryTask& task, OneToken one_token) {
  for (std::int64_t group = 0; group < task.groups; ++group) {
    if (task.tokens == 1) {
      one_token(task, group, 0);
    } else if (task.tokens <= 4) {
      with_count<2, 4>(task.tokens, [&](auto count) { register_product<Sums, count.value>(task, group, 0); });
    } else {
      panel_product<Sums>(task, group);
    }
  }
}

}  // namespace
}  // namespace bh::engine
