// Two sets of logits for the same positions, compared row by row. What the numbers have to be is not decided here: they
// become metrics, and Expectations judge those.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace bh::harness {

struct LogitTolerance {
  double close_std = 1e-3;  ///< a row is close if no logit is off by more than this share of the row's std
  double tie_std = 0.05;    ///< a row whose two best differ by less than this share of its std is a near tie
};

/// One position. Differences are in units of the reference row's standard deviation, which makes models comparable.
struct RowComparison {
  double cosine = 0;
  double max_difference = 0;
  double max_abs = 0;  ///< of raw logits, as the next two
  double l2 = 0;       ///< norm of the difference
  double mse = 0;
  double kl = 0;   ///< KL divergence of softmax(reference) from softmax(ours), in nats
  double gap = 0;  ///< between the reference's two best
  bool same_argmax = false;
  double top5 = 0;     ///< share of the reference's best five that are among ours
  bool finite = true;  ///< both sides
};

struct LogitComparison {
  std::vector<RowComparison> rows;
  bool finite = true;
  double min_cosine = 1;
  double median_difference = 0, max_difference = 0;
  double max_abs = 0, max_l2 = 0, max_mse = 0, max_kl = 0;
  double median_kl = 0;
  double close_share = 0;         ///< rows within tolerance.close_std
  double argmax_share = 0;        ///< all rows
  double top5_share = 0;          ///< mean of top5
  double clear_argmax_share = 0;  ///< rows that are no near tie; 1 where there are none
  std::int64_t near_ties = 0;
};

/// Of several comparisons made with the same tolerance, as if all their rows had been compared in one.
LogitComparison summarise(std::vector<RowComparison> rows, const LogitTolerance& tolerance = {});

/// Rows of `n_vocab`; both spans have the same size, a positive multiple of it, else Error(internal).
LogitComparison compare_logits(std::span<const float> ours, std::span<const float> reference, std::int64_t n_vocab,
                               const LogitTolerance& tolerance = {});

}  // namespace bh::harness
