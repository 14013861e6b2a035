// The body of fp32_gemm.h for one instruction set: include it with BH_GEMM_NAME, BH_GEMM_LANES (floats in a vector) and
// BH_GEMM_TILE (tokens of a tile) defined. Vectors are the compiler's own, so the file's flags decide what they become.
#include "suites/kernels/fp32_gemm.h"

namespace bh::suites::kernels {
namespace {

typedef float Vector __attribute__((vector_size(BH_GEMM_LANES * 4), aligned(4), may_alias));

constexpr std::int64_t kVectors = kGemmRows / BH_GEMM_LANES;
constexpr std::int64_t kBlockCols = 256;  ///< a panel's block of 32 KiB stays in the first cache while tokens pass by

/// A tile of tokens against one panel's columns [first, last): the sums stay in registers.
inline void multiply_tile(const GemmTask& task, std::int64_t panel, std::int64_t token, std::int64_t first,
                          std::int64_t last) noexcept {
  Vector sums[BH_GEMM_TILE][kVectors];
  for (std::int64_t t = 0; t < BH_GEMM_TILE; ++t) {
    for (std::int64_t v = 0; v < kVectors; ++v) {
      sums[t][v] = first == 0 ? Vector{}
                              : *reinterpret_cast<const Vector*>(task.y + (token + t) * task.rows + panel * kGemmRows +
                                                                 v * BH_GEMM_LANES);
    }
  }
  const float* weights = task.panels + panel * task.cols * kGemmRows + first * kGemmRows;
  for (std::int64_t k = first; k < last; ++k, weights += kGemmRows) {
    for (std::int64_t v = 0; v < kVectors; ++v) {
      const Vector w = *reinterpret_cast<const Vector*>(weights + v * BH_GEMM_LANES);
      for (std::int64_t t = 0; t < BH_GEMM_TILE; ++t) sums[t][v] += w * task.x[(token + t) * task.cols + k];
    }
  }
  for (std::int64_t t = 0; t < BH_GEMM_TILE; ++t) {
    for (std::int64_t v = 0; v < kVectors; ++v) {
      *reinterpret_cast<Vector*>(task.y + (token + t) * task.rows + panel * kGemmRows + v * BH_GEMM_LANES) = sums[t][v];
    }
  }
}

}  // namespace

void BH_GEMM_NAME(const GemmTask& task) noexcept {
  static_assert(kGemmTokens % BH_GEMM_TILE == 0);
  for (std::int64_t first = 0; first < task.cols; first += kBlockCols) {
    const std::int64_t last = first + kBlockCols < task.cols ? first + kBlockCols : task.cols;
    for (std::int64_t panel = 0; panel < task.rows / kGemmRows; ++panel) {
      for (std::int64_t token = 0; token < task.tokens; token += BH_GEMM_TILE) {
        multiply_tile(task, panel, token, first, last);
      }
    }
  }
}

}  // namespace bh::suites::kernels
