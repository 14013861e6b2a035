// Screening a large LM head as plain C++: the definition, usable on every CPU.
#include "engine/cpu/kernels.h"

namespace bh::engine {

void screen_rows_scalar(const ScreenTask& task) noexcept {
  for (std::int64_t item = 0; item < task.groups * task.tokens; ++item) {
    const std::int64_t group = item / task.tokens, token = item % task.tokens;
    const std::uint8_t* codes = task.codes + group * task.steps * kStepBytes;
    const std::int8_t* planes = task.planes + token * task.steps * 2 * kScreenCols;
    std::int32_t* sums = task.sums + item * 2 * kGroupRows;
    for (std::int64_t row = 0; row < 2 * kGroupRows; ++row) sums[row] = 0;
    for (std::int64_t step = 0; step < task.steps; ++step, codes += kStepBytes) {
      const std::int8_t* high = planes + step * kScreenCols;
      const std::int8_t* low = high + task.steps * kScreenCols;
      for (std::int64_t row = 0; row < kGroupRows; ++row) {
        for (std::int64_t j = 0; j < kScreenCols; ++j) {
          sums[row] += codes[kScreenCols * row + j] * high[j];
          sums[row + kGroupRows] += codes[kScreenCols * row + j] * low[j];
        }
      }
    }
  }
}

}  // namespace bh::engine
