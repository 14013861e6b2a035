#include "engine/model/i2s_layout.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kMostRows = 256;
constexpr std::int64_t kMostLayers = 4;
/// The foreign layout must explain this many times what the canonical one does, and this many times what chance could
/// (mean + 10 sigma of the sum). A sum of n squared normals exceeds 4 (n + 10 sqrt(n)) with a probability below 1e-40
/// for every n. On the shipped model the right layout has some 40 per matrix, the wrong ones 1 to 4.
constexpr double kJudge = 4;

using Counts = std::vector<std::int32_t>;

struct Candidate {
  const Matrix* matrix;
  const std::vector<float>* norm;  ///< multiplies the matrix's input
};

std::int32_t is_zero(std::byte byte, unsigned shift) {
  return ((std::to_integer<unsigned>(byte) >> shift) & 3u) == 1u ? 1 : 0;
}

/// Zeros of each column where a block of 4 * Width values lies in Width bytes.
template <std::int64_t Width>
Counts zeros_in_blocks(std::span<const std::byte> bytes, std::int64_t cols) {
  Counts counts(static_cast<std::size_t>(cols));
  std::int64_t col = 0;
  for (std::size_t at = 0; at + Width <= bytes.size(); at += Width) {
    for (unsigned lane = 0; lane < 4; ++lane) {
      std::int32_t* count = counts.data() + col + lane * Width;
      for (std::int64_t i = 0; i < Width; ++i)
        count[i] += is_zero(bytes[at + static_cast<std::size_t>(i)], 6 - 2 * lane);
    }
    col += 4 * Width;
    if (col == cols) col = 0;
  }
  return counts;
}

/// The same where a byte holds four rows of one column.
Counts zeros_in_row_groups(std::span<const std::byte> bytes, std::int64_t cols) {
  Counts counts(static_cast<std::size_t>(cols));
  const auto width = static_cast<std::size_t>(cols);
  for (std::size_t at = 0; at + width <= bytes.size(); at += width)
    for (std::size_t c = 0; c < width; ++c)
      for (unsigned shift = 0; shift < 8; shift += 2) counts[c] += is_zero(bytes[at + c], shift);
  return counts;
}

/// n r^2 of two series, r their correlation: about 1 by chance. 0 where one of them is constant.
double squared_correlation(const Counts& counts, const std::vector<float>& norm) {
  const auto n = static_cast<double>(counts.size());
  double sum_x = 0, sum_y = 0, sum_xx = 0, sum_yy = 0, sum_xy = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double x = counts[i];
    const double y = std::fabs(static_cast<double>(norm[i]));
    sum_x += x;
    sum_y += y;
    sum_xx += x * x;
    sum_yy += y * y;
    sum_xy += x * y;
  }
  const double variance_x = sum_xx - sum_x * sum_x / n;
  const double variance_y = sum_yy - sum_y * sum_y / n;
  const double covariance = sum_xy - sum_x * sum_y / n;
  if (variance_x <= 1e-9 * sum_xx || variance_y <= 1e-9 * sum_yy) return 0;
  return n * covariance * covariance / (variance_x * variance_y);
}

std::vector<Candidate> candidates(const Model& model) {
  std::vector<Candidate> found;
  const auto n_layers = static_cast<std::int64_t>(model.layers.size());
  const std::int64_t n = std::min(n_layers, kMostLayers);
  for (std::int64_t i = 0; i < n; ++i) {
    const Layer& layer = model.layers[static_cast<std::size_t>(i * n_layers / n)];
    for (const Candidate& each : {Candidate{&layer.q, &layer.attn_norm},
                                  {&layer.k, &layer.attn_norm},
                                  {&layer.v, &layer.attn_norm},
                                  {&layer.o, &layer.attn_sub_norm},
                                  {&layer.gate, &layer.ffn_norm},
                                  {&layer.up, &layer.ffn_norm},
                                  {&layer.down, &layer.ffn_sub_norm}}) {
      const Matrix& matrix = *each.matrix;
      const bool fits =
          matrix.format->type == TensorType::i2_s && matrix.cols % i2_s::kBlock == 0 && matrix.rows % 4 == 0;
      if (fits && static_cast<std::int64_t>(each.norm->size()) == matrix.cols) found.push_back(each);
    }
  }
  return found;
}

}  // namespace

I2sLayoutEvidence weigh_i2s_layouts(const Model& model) {
  const std::vector<Candidate> all = candidates(model);
  I2sLayoutEvidence evidence;
  for (const Candidate& each : all) {
    const Matrix& matrix = *each.matrix;
    const std::int64_t rows = std::min(matrix.rows, kMostRows);
    const auto bytes = matrix.bytes.first(static_cast<std::size_t>(rows * matrix.cols / 4));
    ++evidence.matrices;
    evidence.canonical += squared_correlation(zeros_in_blocks<32>(bytes, matrix.cols), *each.norm);
    evidence.blocks_of_64 += squared_correlation(zeros_in_blocks<16>(bytes, matrix.cols), *each.norm);
    evidence.four_rows += squared_correlation(zeros_in_row_groups(bytes, matrix.cols), *each.norm);
  }
  return evidence;
}

void refuse_foreign_i2s_layout(const Model& model) {
  const I2sLayoutEvidence evidence = weigh_i2s_layouts(model);
  const double n = evidence.matrices;
  const double bar = kJudge * std::max(evidence.canonical, n + 10 * std::sqrt(n));
  const double best = std::max(evidence.blocks_of_64, evidence.four_rows);
  if (evidence.matrices == 0 || best <= bar) return;
  const bool arm = evidence.blocks_of_64 > evidence.four_rows;
  fail(ErrorKind::setup,
       "{}: the I2_S matrices are laid out {}, not in blocks of 128 as published files are: read so, columns of {} "
       "matrices go "
       "with their norms (score {:.0f}), read as usual they do not ({:.0f}), so every answer would be garbage; "
       "quantize the "
       "model again with a default x86 build of bitnet.cpp",
       model.source.path.string(),
       arm ? "in blocks of 64, as ARM builds of bitnet.cpp write them"
           : "four rows to a byte, as builds of bitnet.cpp without "
             "ACT_PARALLEL write them",
       evidence.matrices, best, evidence.canonical);
}

}  // namespace bh::engine
