#include "engine/cpu/screened_head.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "engine/base/error.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kLeastBytes = 4 << 20;    // a smaller head stays in a cache: nothing to gain
constexpr std::int64_t kMostCols = 1 << 17;      // sums stay in int32, and norms as accurate as pack_group says
constexpr std::int64_t kChunkBytes = 128 << 10;  // of a chunk, the least that a thread takes; groups in pairs for AMX
constexpr std::int64_t kMostPart = 8;            // with more than an eighth of the rows the full head is as quick
constexpr double kInputSteps = kScreenHigh * kScreenRadix + kScreenLow - 1;  // the largest |q| that two planes hold
constexpr double kUp = 1.0 + 1e-9;  // above any rounding of the few double operations it follows

}  // namespace

bool ScreenedHead::possible(const Matrix& head) noexcept {
  const TensorType type = head.format->type;
  return (type == TensorType::f16 || type == TensorType::bf16 || type == TensorType::f32) && head.cols <= kMostCols;
}

bool ScreenedHead::pays(const Matrix& head) noexcept { return possible(head) && head.rows * head.cols >= kLeastBytes; }

ScreenedHead::ScreenedHead(const Matrix& head, const BoundKernels& kernels, ThreadPool& pool,
                           const std::function<void(std::span<const std::byte>)>& on_packed)
    : head_(head),
      kernels_(kernels),
      pool_(pool),
      groups_(round_up(head.rows, kGroupRows) / kGroupRows),
      steps_(round_up(head.cols, kPad) / kScreenCols),
      groups_per_chunk_(std::max<std::int64_t>(2, kChunkBytes / (steps_ * kScreenStepBytes) / 2 * 2)),
      codes_(static_cast<std::size_t>(groups_ * steps_ * kScreenStepBytes)),
      bounds_(static_cast<std::size_t>(groups_)),
      planes_(kTogether * static_cast<std::size_t>(steps_ * 2 * kScreenCols)),
      sums_(kTogether * static_cast<std::size_t>(pool.threads() * groups_per_chunk_ * 2 * kGroupRows)),
      lower_(static_cast<std::size_t>(pool.threads() * lower_stride())) {
  constexpr std::int64_t kGroupsAtOnce = 64;
  const std::size_t row_bytes = head.bytes.size() / static_cast<std::size_t>(head.rows);
  pool_.run(round_up(groups_, kGroupsAtOnce) / kGroupsAtOnce, [&](std::int64_t chunk, int) {
    const std::int64_t first = chunk * kGroupsAtOnce, end = std::min(first + kGroupsAtOnce, groups_);
    for (std::int64_t group = first; group < end; ++group) pack_group(group);
    if (!on_packed) return;
    const auto row = static_cast<std::size_t>(first * kGroupRows);
    const auto rows = static_cast<std::size_t>(std::min(end * kGroupRows, head_.rows)) - row;
    on_packed(head_.bytes.subspan(row * row_bytes, rows * row_bytes));
  });
}

void ScreenedHead::pack_group(std::int64_t group) {
  const std::int64_t row_bytes = static_cast<std::int64_t>(head_.bytes.size()) / head_.rows;
  ScreenBounds& bounds = bounds_[static_cast<std::size_t>(group)];
  const double m = static_cast<double>(steps_ * kScreenCols / kPad + 6) * 0x1p-24, rounding = m / (1.0 - m);
  for (std::int64_t r = 0; r < kGroupRows; ++r) {
    const std::int64_t row = group * kGroupRows + r;
    if (row >= head_.rows) break;  // codes and bounds stay 0: near 0, but never among the rows taken
    std::uint8_t* const first = codes_.data() + group * steps_ * kScreenStepBytes + kFieldCols * r;
    ScreenRow packed;
    screen_packer(*kernels_.screen, head_.format->type)(head_.bytes.data() + row * row_bytes, head_.cols, first,
                                                        &packed);
    // The norms are float sums of squares, 64 partial ones: of kMostCols columns accurate to 6e-5 of the norm, but for
    // squares that underflowed, which leave out at most sqrt(kMostCols * 2^-150) = 1e-20.
    constexpr double kSums = 1.0 + 1e-4, kUnderflow = 1e-19;
    const double of_input = (std::sqrt(static_cast<double>(packed.residue_squares)) +
                             rounding * std::sqrt(static_cast<double>(packed.squares))) *
                                kSums +
                            kUnderflow;
    const double of_residue = std::sqrt(static_cast<double>(packed.code_squares)) * kSums + kUnderflow;
    bounds.scale[r] = packed.scale;
    bounds.of_input[r] = static_cast<float>(of_input);
    bounds.of_residue[r] = static_cast<float>(of_residue);
  }
}

bool ScreenedHead::take_input(const float* x, Input& input, std::int8_t* planes) const {
  double largest = 0.0, squares = 0.0;
  for (std::int64_t i = 0; i < head_.cols; ++i) {
    const double value = x[i];
    if (!std::isfinite(value)) return false;
    largest = std::max(largest, std::abs(value));
    squares += value * value;
  }
  input.step = largest / kInputSteps;
  input.norm = std::sqrt(squares) * kUp;
  input.high_sum = input.low_sum = 0;
  const double inverse = largest > 0.0 ? kInputSteps / largest : 0.0;
  double residue_squares = 0.0;
  for (std::int64_t i = 0; i < steps_ * kScreenCols; ++i) {
    const double value = i < head_.cols ? static_cast<double>(x[i]) : 0.0;
    const int q = static_cast<int>(std::lrint(value * inverse));
    const double residue = value - input.step * q;
    residue_squares += residue * residue;
    const int high = (q + kScreenLow) >> 6, low = q - kScreenRadix * high;
    static_assert(kScreenRadix == 1 << 6 && kScreenLow == kScreenRadix / 2);
    planes[i] = static_cast<std::int8_t>(high);
    planes[i + steps_ * kScreenCols] = static_cast<std::int8_t>(low);
    input.high_sum += high;
    input.low_sum += low;
  }
  input.residue_norm = std::sqrt(residue_squares) * kUp;
  return true;
}

void ScreenedHead::screen_chunk(std::int64_t chunk, int thread, std::int64_t count) {
  const std::int64_t first = chunk * groups_per_chunk_, groups = std::min(groups_per_chunk_, groups_ - first);
  const auto inputs = static_cast<std::int64_t>(n_inputs_);
  std::int32_t* const sums =
      sums_.data() + thread * groups_per_chunk_ * static_cast<std::int64_t>(kTogether) * 2 * kGroupRows;
  const ScreenKernels& kernels = few() ? *kernels_.screen_few : *kernels_.screen;
  kernels.multiply({codes_.data() + first * steps_ * kScreenStepBytes, groups, steps_, planes_.data(), inputs, sums});
  double* const lower = lower_.data() + thread * lower_stride();
  double* const largest_lower = lower + groups * kGroupRows;
  for (std::int64_t i = 0; i < inputs; ++i) {
    Input& input = inputs_[static_cast<std::size_t>(i)];
    const auto offset = static_cast<double>(kScreenOffset * (kScreenRadix * input.high_sum + input.low_sum));
    input.chunk_upper[static_cast<std::size_t>(chunk)] = kernels.bound(
        {sums + i * 2 * kGroupRows, inputs * 2 * kGroupRows, bounds_.data() + first, groups, offset, input.step,
         input.norm, input.residue_norm, input.upper.data() + first * kGroupRows, lower, largest_lower});
    for (std::int64_t g = 0; g < groups; ++g) {
      keep_lower(first + g, lower + g * kGroupRows, largest_lower[g], input.lower[static_cast<std::size_t>(thread)],
                 count);
    }
  }
}

void ScreenedHead::keep_lower(std::int64_t group, const double* lower, double largest, std::vector<Bound>& best,
                              std::int64_t count) const {
  if (static_cast<std::int64_t>(best.size()) == count && largest < best.front().logit) return;
  for (std::int64_t r = 0; r < std::min(kGroupRows, head_.rows - group * kGroupRows); ++r) {
    const Bound bound{lower[r], group * kGroupRows + r};
    if (static_cast<std::int64_t>(best.size()) < count) {
      best.push_back(bound);
      std::push_heap(best.begin(), best.end(), std::greater<>());
    } else if (bound > best.front()) {
      std::pop_heap(best.begin(), best.end(), std::greater<>());
      best.back() = bound;
      std::push_heap(best.begin(), best.end(), std::greater<>());
    }
  }
}

ScreenedHead::Screened ScreenedHead::best(const float* x, std::int64_t stride, std::int64_t count,
                                          std::span<Found> found) {
  Screened screened;
  for (std::size_t done = 0; done < found.size(); done += kTogether) {
    best_together(x + static_cast<std::int64_t>(done) * stride, stride, count,
                  found.subspan(done, std::min(kTogether, found.size() - done)));
    (few() ? screened.by_few : screened.by_many) += static_cast<std::int64_t>(n_inputs_);
  }
  return screened;
}

void ScreenedHead::best_together(const float* x, std::int64_t stride, std::int64_t count, std::span<Found> found) {
  const std::int64_t plane_bytes = steps_ * 2 * kScreenCols;
  std::array<std::size_t, kTogether> screened{};  // which of `found` an input stands for
  n_inputs_ = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    found[i].rescored = -1;
    if (inputs_.size() == n_inputs_) inputs_.emplace_back();
    Input& input = inputs_[n_inputs_];
    const bool taken = count >= 1 && count <= head_.rows / kMostPart &&
                       take_input(x + static_cast<std::int64_t>(i) * stride, input,
                                  planes_.data() + static_cast<std::int64_t>(n_inputs_) * plane_bytes);
    if (!taken) continue;
    input.upper.resize(static_cast<std::size_t>(groups_ * kGroupRows));
    input.chunk_upper.resize(static_cast<std::size_t>(chunks()));
    input.lower.resize(static_cast<std::size_t>(pool_.threads()));
    for (auto& heap : input.lower) {
      heap.clear();
      heap.reserve(static_cast<std::size_t>(count));
    }
    screened[n_inputs_++] = i;
  }
  if (n_inputs_ == 0) return;
  pool_.run(chunks(), [&](std::int64_t chunk, int thread) { screen_chunk(chunk, thread, count); });
  for (std::size_t i = 0; i < n_inputs_; ++i) {
    rescore(inputs_[i], x + static_cast<std::int64_t>(screened[i]) * stride, count, found[screened[i]]);
  }
}

std::vector<Candidate> ScreenedHead::multiply(const std::vector<std::int64_t>& rows, const float* x) {
  std::vector<Candidate> candidates(rows.size());
  const std::int64_t row_bytes = static_cast<std::int64_t>(head_.bytes.size()) / head_.rows;
  const DenseKernel dense = dense_kernel(*kernels_.dense, head_.format->type);
  pool_.run(static_cast<std::int64_t>(rows.size()), [&](std::int64_t i, int) {
    const std::int64_t row = rows[static_cast<std::size_t>(i)];
    Candidate& candidate = candidates[static_cast<std::size_t>(i)];
    candidate.id = static_cast<TokenId>(row);
    dense({head_.bytes.data() + row * row_bytes, row_bytes, 1, head_.cols, x, 0, 1, &candidate.logit, 0});
  });
  return candidates;
}

void ScreenedHead::rescore(Input& input, const float* x, std::int64_t count, Found& found) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  std::vector<Bound> likeliest;
  for (const auto& heap : input.lower) likeliest.insert(likeliest.end(), heap.begin(), heap.end());
  std::nth_element(likeliest.begin(), likeliest.begin() + (count - 1), likeliest.end(), std::greater<>());
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < count; ++i) {
    rows.push_back(likeliest[static_cast<std::size_t>(i)].row);
    input.upper[static_cast<std::size_t>(rows.back())] = kNone;  // not to be multiplied twice
  }
  std::vector<Candidate> candidates = multiply(rows, x);
  // `count` logits are no smaller. Were one of these not finite, nor would most rows have finite bounds, and too many
  // be left below.
  float enough = std::numeric_limits<float>::infinity();
  for (const Candidate& candidate : candidates) enough = std::min(enough, candidate.logit);

  rows.clear();
  const std::int64_t chunk_rows = groups_per_chunk_ * kGroupRows;
  for (std::int64_t chunk = 0; chunk < chunks(); ++chunk) {
    if (input.chunk_upper[static_cast<std::size_t>(chunk)] < enough) continue;
    const std::int64_t end = std::min((chunk + 1) * chunk_rows, head_.rows);
    for (std::int64_t row = chunk * chunk_rows; row < end; ++row) {
      if (!(input.upper[static_cast<std::size_t>(row)] < enough)) rows.push_back(row);
    }
  }
  if (static_cast<std::int64_t>(rows.size()) > head_.rows / kMostPart) return;
  for (const Candidate& candidate : multiply(rows, x)) {
    if (!std::isnan(candidate.logit)) candidates.push_back(candidate);
  }
  found.rescored = static_cast<std::int64_t>(rows.size()) + count;
  keep_best(candidates, count);
  found.best = std::move(candidates);
}

}  // namespace bh::engine
