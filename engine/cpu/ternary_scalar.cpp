// The ternary product as plain C++: the definition of the packed layout's meaning, usable on every CPU.
#include "engine/cpu/kernels.h"

namespace bh::engine {

void ternary_scalar(const TernaryTask& task) noexcept {
  for (std::int64_t group = 0; group < task.groups; ++group) {
    const std::uint8_t* weights = task.weights + group * task.steps * kStepBytes;
    for (std::int64_t token = 0; token < task.tokens; ++token) {
      const std::int8_t* codes = task.codes + token * task.code_stride;
      std::int32_t sums[kGroupRows] = {};
      for (std::int64_t step = 0; step < task.steps; ++step) {
        const std::uint8_t* packed = weights + step * kStepBytes;
        const std::int8_t* a = codes + step * kStepCols;
        for (std::int64_t row = 0; row < kGroupRows; ++row) {
          for (int j = 0; j < 4; ++j) {
            const int byte = packed[4 * row + j];
            sums[row] += (byte & 3) * a[j] + (byte >> 2 & 3) * a[4 + j] + (byte >> 4 & 3) * a[8 + j] +
                         (byte >> 6 & 3) * a[12 + j];
          }
        }
      }
      std::int32_t* dst = task.sums + (group * task.tokens + token) * kGroupRows;
      for (std::int64_t row = 0; row < kGroupRows; ++row) dst[row] = sums[row];
    }
  }
}

}  // namespace bh::engine
