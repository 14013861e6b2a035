// The best logits of a large LM head without reading all of it. A copy of the rows in six bits a weight gives every
// logit within a proven bound; only the rows that could be among the best are multiplied in their stored format. The
// result is that of the full head, to the bit.
//
// The bound. Row w is held as s c + d with codes c of six bits, the input x as t q + e with 13-bit integers q. The
// integer I = c . q is exact, and |w . x - s t I| <= ||s c|| ||e|| + ||d|| ||x|| by Cauchy and Schwarz. The full head's
// own rounding adds at most g ||w|| ||x||, where g = m u / (1 - m u), u = 2^-24, and no product passes through more
// than m = cols / 64 + 6 roundings (kernels.h; Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
// That holds where no partial sum overflows, which ||w|| ||x|| bounds; rows where it could are always multiplied in
// full.
//
// The threshold. The k rows with the best lower bounds are multiplied first: the least of their logits, which k logits
// reach, decides which other rows could be among the best k. Against a logit instead of its lower bound, half the
// distance is enough to be screened away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/base/aligned_buffer.h"
#include "engine/base/thread_pool.h"
#include "engine/cpu/kernel_table.h"
#include "engine/model/candidate.h"
#include "engine/model/model.h"

namespace bh::engine {

class ScreenedHead {
 public:
  static bool possible(const Matrix& head) noexcept;  ///< the format and width can be screened
  static bool pays(const Matrix& head) noexcept;      ///< and it is large enough to gain by it

  /// Packs the copy; `head` must outlive this. `kernels` are bound functions. `on_packed`, called on any thread,
  /// is told which stored rows have been read.
  ScreenedHead(const Matrix& head, const BoundKernels& kernels, ThreadPool& pool,
               const std::function<void(std::span<const std::byte>)>& on_packed = {});

  /// Finds the best `count` of one input in rank order, and how many rows were multiplied in full: -1 where screening
  /// cannot decide at a profit (an input or too many logits that are not finite, or too many rows that are asked for or
  /// could be among the best). Then `best` is unchanged and the full head has to answer.
  struct Found {
    std::vector<Candidate> best;
    std::int64_t rescored = -1;
  };

  /// For found.size() inputs x[i * stride], zero-padded to kPad. Up to kTogether of them share one reading of the copy.
  /// Returns how many inputs each kernel screened; the others are left to the full head.
  struct Screened {
    std::int64_t by_many = 0, by_few = 0;
  };
  Screened best(const float* x, std::int64_t stride, std::int64_t count, std::span<Found> found);
  static constexpr std::size_t kTogether = 16;

  std::size_t bytes() const noexcept { return codes_.size() + bounds_.size() * sizeof(ScreenBounds); }

 private:
  struct Input;
  /// No logit of the row is below.
  struct Bound {
    double logit;
    std::int64_t row;
    bool operator>(const Bound& other) const noexcept {
      return logit > other.logit || (logit == other.logit && row < other.row);
    }
  };

  void pack_group(std::int64_t group);
  std::int64_t chunks() const noexcept { return round_up(groups_, groups_per_chunk_) / groups_per_chunk_; }
  /// In whole cache lines, so that no two threads share one.
  std::int64_t lower_stride() const noexcept { return round_up(groups_per_chunk_ * (kGroupRows + 1), 8); }
  void screen_chunk(std::int64_t chunk, int thread, std::int64_t count);
  /// Keeps in `best` the `count` best of what a group's rows have for lower bounds.
  void keep_lower(std::int64_t group, const double* lower, double largest, std::vector<Bound>& best,
                  std::int64_t count) const;
  bool few() const noexcept { return static_cast<std::int64_t>(n_inputs_) < kernels_.screen_least_tokens; }
  void best_together(const float* x, std::int64_t stride, std::int64_t count, std::span<Found> found);
  void rescore(Input& input, const float* x, std::int64_t count, Found& found);
  /// Multiplies rows in their stored format.
  std::vector<Candidate> multiply(const std::vector<std::int64_t>& rows, const float* x);

  const Matrix& head_;
  const BoundKernels& kernels_;
  ThreadPool& pool_;
  std::int64_t groups_, steps_, groups_per_chunk_;
  AlignedBuffer<std::uint8_t> codes_;  ///< [groups, steps, kScreenStepBytes]: ScreenTask
  std::vector<ScreenBounds> bounds_;   ///< [groups]

  // The inputs in progress.
  struct Input {
    double step = 0;          ///< t
    double norm = 0;          ///< ||x||, rounded up
    double residue_norm = 0;  ///< ||e||, rounded up
    std::int64_t high_sum = 0, low_sum = 0;
    std::vector<float> upper;               ///< [rows]: no logit of the row is above
    std::vector<float> chunk_upper;         ///< [chunks]: nor any of the chunk
    std::vector<std::vector<Bound>> lower;  ///< [threads]: a heap of the best lower bounds, the least in front
  };
  bool take_input(const float* x, Input& input, std::int8_t* planes) const;

  std::vector<Input> inputs_;
  std::size_t n_inputs_ = 0;
  AlignedBuffer<std::int8_t> planes_;  ///< [kTogether], q of each input in two planes: ScreenTask
  AlignedBuffer<std::int32_t> sums_;   ///< [threads, groups_per_chunk, kTogether, 2, kGroupRows]
  AlignedBuffer<double> lower_;  ///< [threads, lower_stride()]: of a chunk's groups all lower bounds, then the largest
};

}  // namespace bh::engine
