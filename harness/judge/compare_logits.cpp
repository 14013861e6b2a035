#include "harness/judge/compare_logits.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/runtime/sampler.h"

namespace bh::harness {
namespace {

double standard_deviation(std::span<const float> row) {
  double sum = 0, squares = 0;
  for (const float value : row) sum += value;
  const double mean = sum / static_cast<double>(row.size());
  for (const float value : row) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(row.size()));
}

double log_sum_exp(std::span<const float> row) {
  const double max = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (const float value : row) sum += std::exp(value - max);
  return max + std::log(sum);
}

double gap_of_best_two(std::span<const float> row, std::size_t best) {
  double second = -HUGE_VAL;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i != best) second = std::max(second, static_cast<double>(row[i]));
  }
  return row.size() < 2 ? HUGE_VAL : row[best] - second;
}

/// The ids of the best five, or of all where there are fewer; the lowest id among equals.
std::vector<std::size_t> best_five(std::span<const float> row) {
  std::vector<std::size_t> best;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (best.size() == 5 && row[i] <= row[best.back()]) continue;
    const auto place = std::find_if(best.begin(), best.end(), [&](std::size_t other) { return row[i] > row[other]; });
    best.insert(place, i);
    if (best.size() > 5) best.pop_back();
  }
  return best;
}

double overlap(const std::vector<std::size_t>& ours, const std::vector<std::size_t>& reference) {
  std::int64_t shared = 0;
  for (const std::size_t id : reference) shared += std::count(ours.begin(), ours.end(), id);
  return static_cast<double>(shared) / static_cast<double>(reference.size());
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

bool all_finite(std::span<const float> row) {
  return std::all_of(row.begin(), row.end(), [](float value) { return std::isfinite(value); });
}

RowComparison compare_row(std::span<const float> ours, std::span<const float> reference) {
  RowComparison row;
  row.finite = all_finite(ours) && all_finite(reference);
  if (!row.finite) return row;
  double dot = 0, own = 0, its = 0, squares = 0, largest = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double a = ours[i], b = reference[i];
    dot += a * b;
    own += a * a;
    its += b * b;
    squares += (a - b) * (a - b);
    largest = std::max(largest, std::abs(a - b));
  }
  const double norm = std::sqrt(own) * std::sqrt(its);
  row.cosine = norm > 0 ? dot / norm : (own == its ? 1 : 0);
  row.mse = squares / static_cast<double>(ours.size());
  row.l2 = std::sqrt(squares);
  row.max_abs = largest;
  const double unit = std::max(standard_deviation(reference), 1e-30);
  row.max_difference = largest / unit;
  const auto best = static_cast<std::size_t>(engine::argmax(reference));
  row.gap = gap_of_best_two(reference, best) / unit;
  row.same_argmax = engine::argmax(ours) == static_cast<engine::TokenId>(best);
  row.top5 = overlap(best_five(ours), best_five(reference));
  const double our_total = log_sum_exp(ours), its_total = log_sum_exp(reference);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double log_p = reference[i] - its_total;
    row.kl += std::exp(log_p) * (log_p - (ours[i] - our_total));
  }
  return row;
}

}  // namespace

LogitComparison summarise(std::vector<RowComparison> rows, const LogitTolerance& tolerance) {
  BH_ASSERT(!rows.empty());
  LogitComparison all;
  std::int64_t close = 0, same = 0, clear = 0, clear_same = 0;
  std::vector<double> differences, divergences;
  for (const RowComparison& row : rows) {
    all.finite = all.finite && row.finite;
    if (!row.finite) continue;
    all.min_cosine = std::min(all.min_cosine, row.cosine);
    all.max_abs = std::max(all.max_abs, row.max_abs);
    all.max_l2 = std::max(all.max_l2, row.l2);
    all.max_mse = std::max(all.max_mse, row.mse);
    all.max_kl = std::max(all.max_kl, row.kl);
    all.max_difference = std::max(all.max_difference, row.max_difference);
    all.top5_share += row.top5 / static_cast<double>(rows.size());
    differences.push_back(row.max_difference);
    divergences.push_back(row.kl);
    close += row.max_difference <= tolerance.close_std ? 1 : 0;
    same += row.same_argmax ? 1 : 0;
    const bool tie = row.gap <= tolerance.tie_std;
    all.near_ties += tie ? 1 : 0;
    clear += tie ? 0 : 1;
    clear_same += !tie && row.same_argmax ? 1 : 0;
  }
  if (!all.finite) all.min_cosine = -1;
  if (!differences.empty()) {
    all.median_difference = median(differences);
    all.median_kl = median(divergences);
  }
  const auto count = static_cast<double>(rows.size());
  all.close_share = static_cast<double>(close) / count;
  all.argmax_share = static_cast<double>(same) / count;
  if (all.finite)
    all.clear_argmax_share = clear == 0 ? 1 : static_cast<double>(clear_same) / static_cast<double>(clear);
  all.rows = std::move(rows);
  return all;
}

LogitComparison compare_logits(std::span<const float> ours, std::span<const float> reference, std::int64_t n_vocab,
                               const LogitTolerance& tolerance) {
  BH_ASSERT(n_vocab > 0 && !reference.empty() && ours.size() == reference.size());
  const auto width = static_cast<std::size_t>(n_vocab);
  BH_ASSERT(reference.size() % width == 0);
  std::vector<RowComparison> rows;
  for (std::size_t at = 0; at < reference.size(); at += width) {
    rows.push_back(compare_row(ours.subspan(at, width), reference.subspan(at, width)));
  }
  return summarise(std::move(rows), tolerance);
}

}  // namespace bh::harness
