// Products with the weights: cut into chunks of rows, of which the threads take runs, each counted by its kernel.
#include <algorithm>

#include "engine/base/error.h"
#include "engine/cpu/cpu_backend.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kChunkBytes = 48 << 10;  // of weights: the least that a thread takes
constexpr std::int64_t kMaxChunkRows = 512, kMaxChunkGroups = 64;
constexpr std::int64_t kTokenTile = 128;       // rows of a step whose sums are made at a time, of two groups
constexpr std::int64_t kBlockBytes = 1 << 20;  // codes that are multiplied by all weights before the next ones

std::int64_t chunk_groups(const PackedTernary& matrix, std::int64_t tokens) {
  // With several tokens a kernel may take groups in pairs.
  const std::int64_t least = tokens > 1 ? 2 : 1;
  const std::int64_t groups = std::clamp(kChunkBytes / matrix.group_bytes(), least, kMaxChunkGroups);
  return groups > 1 ? groups / 2 * 2 : 1;
}

/// Rows of a step whose codes fit beside weights in a core's second cache.
std::int64_t block_rows(const CpuMatrix& matrix) {
  const auto* ternary = std::get_if<PackedTernary>(&matrix);
  if (!ternary) return std::int64_t{1} << 30;
  return std::max(kTokenTile, kBlockBytes / round_up(ternary->cols, kPad) / kTokenTile * kTokenTile);
}

std::int64_t row_bytes(const Matrix& matrix) { return static_cast<std::int64_t>(matrix.bytes.size()) / matrix.rows; }

std::int64_t chunk_rows(const Matrix& matrix) {
  return std::clamp<std::int64_t>(kChunkBytes / row_bytes(matrix), 1, kMaxChunkRows);
}

}  // namespace

CpuBackend::Counter CpuBackend::dense_counter(TensorType type) noexcept {
  switch (type) {
    case TensorType::f32:
      return kDenseF32;
    case TensorType::f16:
      return kDenseF16;
    case TensorType::bf16:
      return kDenseBf16;
    case TensorType::q8_0:
      return kDenseQ8;
    case TensorType::q6_k:
      return kDenseQ6;
    case TensorType::i2_s:
      break;
  }
  return kTernary;
}

CpuBackend::Counter CpuBackend::ternary_counter() const noexcept {
  return n_rows_ < kernels_.least_tokens ? kTernaryFew : kTernary;
}

void CpuBackend::multiply(std::span<const Product> products) {
  // Chunks of all products form one region: one barrier, however many matrices share the input. Many rows are taken a
  // block after the other, so that a block's codes stay in a core's second cache while all weights pass by.
  std::array<std::int64_t, 4> first_chunk{};
  for (std::size_t i = 0; i < products.size(); ++i) {
    const CpuMatrix& matrix = *products[i].matrix;
    const auto* ternary = std::get_if<PackedTernary>(&matrix);
    const auto* dense = std::get_if<Matrix>(&matrix);
    const std::int64_t per_chunk = ternary ? chunk_groups(*ternary, n_rows_) : chunk_rows(*dense);
    const std::int64_t units = ternary ? ternary->groups : dense->rows;
    first_chunk[i + 1] = first_chunk[i] + round_up(units, per_chunk) / per_chunk;
    const std::int64_t matrices = products[i].gate ? 2 : 1;
    count(ternary ? ternary_counter() : dense_counter(dense->format->type), matrices * n_rows_);
  }
  const std::int64_t chunks = first_chunk[products.size()], block = block_rows(*products[0].matrix);
  pool_.run(round_up(n_rows_, block) / block * chunks, [&](std::int64_t item, int thread) {
    const std::int64_t row = item / chunks * block, rows = std::min(block, n_rows_ - row), chunk = item % chunks;
    std::size_t i = 0;
    while (chunk >= first_chunk[i + 1]) ++i;
    const Product& product = products[i];
    const std::int64_t index = chunk - first_chunk[i];
    if (const auto* ternary = std::get_if<PackedTernary>(product.matrix)) {
      const std::int64_t per_chunk = chunk_groups(*ternary, n_rows_), first = index * per_chunk;
      multiply_chunk(*ternary, product, {first, std::min(per_chunk, ternary->groups - first), row, rows}, thread);
    } else {
      const auto& dense = std::get<Matrix>(*product.matrix);
      const std::int64_t per_chunk = chunk_rows(dense), first = index * per_chunk;
      const std::int64_t dense_rows = std::min(per_chunk, dense.rows - first);
      if (product.combine == Combine::set) {
        multiply_dense(dense, first, dense_rows, input_->row(row), input_->stride, rows, product.y->row(row) + first,
                       product.y->stride);
        return;
      }
      BH_ASSERT(product.combine == Combine::add);
      // The residual is added to the finished product, as for ternary matrices.
      for (std::int64_t token = row; token < row + rows; ++token) {
        float finished[kMaxChunkRows];
        multiply_dense(dense, first, dense_rows, input_->row(token), input_->stride, 1, finished, dense_rows);
        for (std::int64_t r = 0; r < dense_rows; ++r) product.y->row(token)[first + r] += finished[r];
      }
    }
  });
}

void CpuBackend::multiply_chunk(const PackedTernary& matrix, const Product& product, Chunk chunk, int thread) noexcept {
  const std::int64_t groups_at_once = kSumsAtOnce / 2 / std::min(chunk.rows, kTokenTile) * 2;
  for (std::int64_t group = 0; group < chunk.groups; group += groups_at_once) {
    for (std::int64_t row = 0; row < chunk.rows; row += kTokenTile) {
      const Chunk piece{chunk.group + group, std::min(groups_at_once, chunk.groups - group), chunk.row + row,
                        std::min(kTokenTile, chunk.rows - row)};
      if (product.gate) multiply_ternary(*product.gate, *product.y, Combine::set, piece, thread);
      multiply_ternary(matrix, *product.y, product.combine, piece, thread);
    }
  }
}

void CpuBackend::multiply_ternary(const PackedTernary& matrix, RowBuffer& y, Combine combine, Chunk chunk,
                                  int thread) noexcept {
  const TernaryKernel kernel = ternary_counter() == kTernaryFew ? kernels_.ternary_few : kernels_.ternary;
  std::int32_t* sums = sums_.data() + thread * kSumsAtOnce * kGroupRows;
  float* dst = y.row(chunk.row) + chunk.group * kGroupRows;
  kernel({matrix.weights.data() + chunk.group * matrix.group_bytes(), chunk.groups, matrix.steps,
          codes_.data() + chunk.row * code_stride_, code_stride_, chunk.rows, sums, dst, y.stride,
          kernels_.unpack_once});
  kernels_.floats->scale_sums({sums, chunk.groups, chunk.rows, activation_scale_.data() + chunk.row,
                               code_sum_.data() + chunk.row, matrix.scale, matrix.post_scale, combine, dst, y.stride});
}

bool CpuBackend::rounds_input_to_half(const Matrix& matrix) const noexcept {
  return reference() && reference_single(n_rows_) && matrix.format->type == TensorType::f16;
}

void CpuBackend::multiply_dense(const Matrix& matrix, std::int64_t first_row, std::int64_t rows, const float* x,
                                std::int64_t x_stride, std::int64_t tokens, float* y, std::int64_t y_stride) noexcept {
  const std::int64_t bytes = row_bytes(matrix);
  const bool sixteen_lanes = reference() && !reference_single(n_rows_) && matrix.format->type == TensorType::f16;
  const DenseKernel kernel =
      sixteen_lanes ? kernels_.dense->f16_sixteen_lanes : dense_kernel(*kernels_.dense, matrix.format->type);
  kernel({matrix.bytes.data() + first_row * bytes, bytes, rows, matrix.cols, x, x_stride, tokens, y, y_stride});
  if (matrix.post_scale == 1.0f) return;
  for (std::int64_t token = 0; token < tokens; ++token) {
    for (std::int64_t r = 0; r < rows; ++r) y[token * y_stride + r] *= matrix.post_scale;
  }
}

/// y [rows, n_vocab] = the logits of `rows` rows from `row` on.
void CpuBackend::multiply_head(std::int64_t row, std::int64_t rows, float* y) {
  if (rows == 0) return;
  const Matrix& output = model_->output;
  const std::int64_t per_chunk = chunk_rows(output), chunks = round_up(output.rows, per_chunk) / per_chunk;
  pool_.run(chunks, [&](std::int64_t chunk, int) {
    const std::int64_t first = chunk * per_chunk;
    multiply_dense(output, first, std::min(per_chunk, output.rows - first), h_.row(row), h_.stride, rows, y + first,
                   output.rows);
  });
  count(dense_counter(output.format->type), rows);
}

}  // namespace bh::engine
