// Screening a large LM head as plain C++: the definition, usable on every CPU.
#include "engine/cpu/kernels.h"

namespace bh::engine {
namespace {

/// The value that a byte's place in a step has in each of the four fields.
struct Fields {
  int values[4];

  explicit Fields(const std::uint8_t* place) {
    const int vectors[3] = {place[0], place[kScreenVectorBytes], place[2 * kScreenVectorBytes]};
    for (int f = 0; f < 3; ++f) values[f] = vectors[f] & 0x3f;
    values[3] = vectors[0] >> 6 << 4 | vectors[1] >> 6 << 2 | vectors[2] >> 6;
  }
};

}  // namespace

void screen_rows_scalar(const ScreenTask& task) noexcept {
  for (std::int64_t item = 0; item < task.groups * task.tokens; ++item) {
    const std::int64_t group = item / task.tokens, token = item % task.tokens;
    const std::uint8_t* codes = task.codes + group * task.steps * kScreenStepBytes;
    const std::int8_t* planes = task.planes + token * task.steps * 2 * kScreenCols;
    std::int32_t* sums = task.sums + item * 2 * kGroupRows;
    for (std::int64_t row = 0; row < 2 * kGroupRows; ++row) sums[row] = 0;
    for (std::int64_t step = 0; step < task.steps; ++step, codes += kScreenStepBytes) {
      const std::int8_t* high = planes + step * kScreenCols;
      const std::int8_t* low = high + task.steps * kScreenCols;
      for (std::int64_t row = 0; row < kGroupRows; ++row) {
        for (std::int64_t j = 0; j < kFieldCols; ++j) {
          const Fields fields(codes + kFieldCols * row + j);
          for (std::int64_t f = 0; f < 4; ++f) {
            sums[row] += fields.values[f] * high[kFieldCols * f + j];
            sums[row + kGroupRows] += fields.values[f] * low[kFieldCols * f + j];
          }
        }
      }
    }
  }
}

}  // namespace bh::engine
