#include "engine/cpu/screened_head.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "engine/base/error.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kLeastBytes = 4 << 20;   // a smaller head stays in a cache: nothing to gain
constexpr std::int64_t kMostCols = 32768;       // sums of 255 * 127 stay in int32
constexpr std::int64_t kChunkBytes = 96 << 10;  // one thread takes at a time
constexpr double kInputSteps = 127 * 128 + 63;  // the largest |q| that two planes hold
constexpr double kFarBelowOverflow = 1e37;
constexpr double kUp = 1.0 + 1e-9;  // above any rounding of the few double operations it follows

}  // namespace

bool ScreenedHead::possible(const Matrix& head) noexcept {
  const TensorType type = head.format->type;
  return (type == TensorType::f16 || type == TensorType::bf16 || type == TensorType::f32) && head.cols <= kMostCols;
}

bool ScreenedHead::pays(const Matrix& head) noexcept { return possible(head) && head.rows * head.cols >= kLeastBytes; }

ScreenedHead::ScreenedHead(const Matrix& head, const BoundKernels& kernels, ThreadPool& pool)
    : head_(head),
      kernels_(kernels),
      pool_(pool),
      groups_(round_up(head.rows, kGroupRows) / kGroupRows),
      steps_(round_up(head.cols, kPad) / kScreenCols),
      groups_per_chunk_(std::max<std::int64_t>(1, kChunkBytes / (steps_ * kStepBytes))),
      codes_(static_cast<std::size_t>(groups_ * steps_ * kStepBytes)),
      rows_(static_cast<std::size_t>(groups_ * kGroupRows)),
      planes_(static_cast<std::size_t>(steps_ * 2 * kScreenCols)),
      sums_(static_cast<std::size_t>(pool.threads() * groups_per_chunk_ * 2 * kGroupRows)),
      upper_(rows_.size()),
      lower_(static_cast<std::size_t>(pool.threads())),
      found_(static_cast<std::size_t>(pool.threads())) {
  pool_.run(groups_, [&](std::int64_t group, int) { pack_group(group); });
}

void ScreenedHead::pack_group(std::int64_t group) {
  const std::int64_t row_bytes = static_cast<std::int64_t>(head_.bytes.size()) / head_.rows;
  const double m = static_cast<double>(steps_ * kScreenCols / kPad + 6) * 0x1p-24, rounding = m / (1.0 - m);
  for (std::int64_t r = 0; r < kGroupRows; ++r) {
    const std::int64_t row = group * kGroupRows + r;
    std::uint8_t* const first = codes_.data() + group * steps_ * kStepBytes + kScreenCols * r;
    if (row >= head_.rows) {
      for (std::int64_t step = 0; step < steps_; ++step) std::fill_n(first + step * kStepBytes, kScreenCols, 128);
      rows_[static_cast<std::size_t>(row)] = {0.0f, 0.0f, 0.0f};
      continue;
    }
    ScreenRow packed;
    screen_packer(*kernels_.screen, head_.format->type)(head_.bytes.data() + row * row_bytes, head_.cols, first,
                                                        &packed);
    // The norms are float sums of squares: far more accurate than the part in ten thousand added here, but for what
    // underflowed.
    constexpr double kSums = 1.0 + 1e-4, kUnderflow = 1e-20;
    const double of_input = (std::sqrt(static_cast<double>(packed.residue_squares)) +
                             rounding * std::sqrt(static_cast<double>(packed.squares))) *
                                kSums +
                            kUnderflow;
    const double of_residue = std::sqrt(static_cast<double>(packed.code_squares)) * kSums + kUnderflow;
    rows_[static_cast<std::size_t>(row)] = {packed.scale, static_cast<float>(of_input), static_cast<float>(of_residue)};
  }
}

bool ScreenedHead::take_input(const float* x) {
  double largest = 0.0, squares = 0.0;
  for (std::int64_t i = 0; i < head_.cols; ++i) {
    const double value = x[i];
    if (!std::isfinite(value)) return false;
    largest = std::max(largest, std::abs(value));
    squares += value * value;
  }
  input_ = {};
  input_.step = largest / kInputSteps;
  input_.norm = std::sqrt(squares) * kUp;
  const double inverse = largest > 0.0 ? kInputSteps / largest : 0.0;
  double residue_squares = 0.0;
  for (std::int64_t i = 0; i < steps_ * kScreenCols; ++i) {
    const double value = i < head_.cols ? static_cast<double>(x[i]) : 0.0;
    const int q = static_cast<int>(std::lrint(value * inverse));
    const double residue = value - input_.step * q;
    residue_squares += residue * residue;
    const int high = (q + 64) >> 7, low = q - 128 * high;  // -127 .. 127, -64 .. 63
    std::int8_t* const step = planes_.data() + i / kScreenCols * 2 * kScreenCols + i % kScreenCols;
    step[0] = static_cast<std::int8_t>(high);
    step[kScreenCols] = static_cast<std::int8_t>(low);
    input_.high_sum += high;
    input_.low_sum += low;
  }
  input_.residue_norm = std::sqrt(residue_squares) * kUp;
  return true;
}

void ScreenedHead::screen_chunk(std::int64_t chunk, int thread, std::int64_t count) {
  const std::int64_t first = chunk * groups_per_chunk_, groups = std::min(groups_per_chunk_, groups_ - first);
  std::int32_t* const sums = sums_.data() + thread * groups_per_chunk_ * 2 * kGroupRows;
  kernels_.screen->multiply({codes_.data() + first * steps_ * kStepBytes, groups, steps_, planes_.data(), sums});
  std::vector<double>& lower = lower_[static_cast<std::size_t>(thread)];
  // The codes are stored as c + 128.
  const std::int64_t offset = 128 * (128 * input_.high_sum + input_.low_sum);
  const std::int64_t end = std::min((first + groups) * kGroupRows, head_.rows);
  for (std::int64_t row = first * kGroupRows; row < end; ++row) {
    const std::int64_t at = (row / kGroupRows - first) * 2 * kGroupRows + row % kGroupRows;
    const std::int64_t product = std::int64_t{128} * sums[at] + sums[at + kGroupRows] - offset;
    const Row& info = rows_[static_cast<std::size_t>(row)];
    const double near = static_cast<double>(info.scale) * (input_.step * static_cast<double>(product));
    const double error = (static_cast<double>(info.of_input) * input_.norm +
                          static_cast<double>(info.of_residue) * input_.residue_norm + std::abs(near) * 1e-12) *
                             (1.0 + 1e-6) +
                         1e-30;
    // Beyond the range of floats the full head's sums may not be finite: such a row is computed, never judged here.
    const double reach = (static_cast<double>(info.of_input) + static_cast<double>(info.of_residue)) * input_.norm;
    const bool known = std::isfinite(error) && reach < kFarBelowOverflow;
    const double bound = known ? near + error : std::numeric_limits<double>::infinity();
    upper_[static_cast<std::size_t>(row)] = static_cast<float>(bound + std::abs(bound) * 1.2e-7);  // never rounded down
    const double below = known ? near - error : -std::numeric_limits<double>::infinity();
    if (static_cast<std::int64_t>(lower.size()) < count) {
      lower.push_back(below);
      std::push_heap(lower.begin(), lower.end(), std::greater<>());
    } else if (below > lower.front()) {
      std::pop_heap(lower.begin(), lower.end(), std::greater<>());
      lower.back() = below;
      std::push_heap(lower.begin(), lower.end(), std::greater<>());
    }
  }
}

std::int64_t ScreenedHead::best(const float* x, std::int64_t count, std::vector<Candidate>& best) {
  if (count < 1 || count > head_.rows || !take_input(x)) return -1;
  for (auto& heap : lower_) {
    heap.clear();
    heap.reserve(static_cast<std::size_t>(count));
  }
  pool_.run(round_up(groups_, groups_per_chunk_) / groups_per_chunk_,
            [&](std::int64_t chunk, int thread) { screen_chunk(chunk, thread, count); });
  std::vector<double> lower;
  for (const auto& heap : lower_) lower.insert(lower.end(), heap.begin(), heap.end());
  std::nth_element(lower.begin(), lower.begin() + (count - 1), lower.end(), std::greater<>());
  const double enough = lower[static_cast<std::size_t>(count - 1)];  // at least `count` logits are no smaller

  std::vector<std::int64_t> survivors;
  for (std::int64_t row = 0; row < head_.rows; ++row) {
    if (!(static_cast<double>(upper_[static_cast<std::size_t>(row)]) < enough)) survivors.push_back(row);
  }
  const auto rescored = static_cast<std::int64_t>(survivors.size());
  if (rescored > count + head_.rows / 8) return -1;
  std::vector<Candidate> candidates(survivors.size());
  const std::int64_t row_bytes = static_cast<std::int64_t>(head_.bytes.size()) / head_.rows;
  const DenseKernel dense = dense_kernel(*kernels_.dense, head_.format->type);
  pool_.run(rescored, [&](std::int64_t i, int) {
    const std::int64_t row = survivors[static_cast<std::size_t>(i)];
    Candidate& candidate = candidates[static_cast<std::size_t>(i)];
    candidate.id = static_cast<TokenId>(row);
    dense({head_.bytes.data() + row * row_bytes, row_bytes, 1, head_.cols, x, 0, 1, &candidate.logit, 0});
  });
  std::erase_if(candidates, [](const Candidate& candidate) { return std::isnan(candidate.logit); });
  keep_best(candidates, count);
  best = std::move(candidates);
  return rescored;
}

}  // namespace bh::engine
