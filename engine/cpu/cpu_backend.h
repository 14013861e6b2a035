// The CPU device: packed weights, a thread pool and the ops of Backend. Neighbours: cpu_matmul.cpp, cpu_attention.cpp
// (one answer), cpu_reference.cpp (the reference's rounding points), kernel_table.h (which kernels it binds).
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/backend.h"
#include "engine/base/thread_pool.h"
#include "engine/cpu/cpu_kv_cache.h"
#include "engine/cpu/kernel_table.h"
#include "engine/cpu/packed_ternary.h"
#include "engine/cpu/screened_head.h"

namespace bh::engine {

/// A weight matrix as the CPU multiplies by it: packed ternary, or float rows in their stored format.
using CpuMatrix = std::variant<PackedTernary, Matrix>;

struct CpuLayer {
  std::vector<float> attn_norm, attn_sub_norm, ffn_norm, ffn_sub_norm;  ///< zero-padded to kPad; sub-norms may be empty
  CpuMatrix q, k, v, o, gate, up, down;
};

/// Rows of floats, padded to kPad and zeroed. A stride of an odd number of cache lines: at a power of two the same
/// column of many rows would compete for a few places of a cache.
struct RowBuffer {
  AlignedBuffer<float> data;
  std::int64_t stride = 0;

  RowBuffer() = default;
  RowBuffer(std::int64_t rows, std::int64_t dim)
      : data(static_cast<std::size_t>(rows * (round_up(dim, kPad) + 16))), stride(round_up(dim, kPad) + 16) {}
  float* row(std::int64_t i) noexcept { return data.data() + i * stride; }
  const float* row(std::int64_t i) const noexcept { return data.data() + i * stride; }
};

/// Groups times rows of a step whose sums are made at a time: they stay in a core's first cache.
inline constexpr std::int64_t kSumsAtOnce = 256;

class CpuBackend final : public Backend {
 public:
  CpuBackend(std::shared_ptr<const Model> model, const BackendOptions& options);

  const Model& model() const noexcept override { return *model_; }
  std::string describe() const override;
  std::int32_t max_rows() const noexcept override { return max_rows_; }
  std::size_t weight_bytes() const noexcept override { return weight_bytes_; }
  std::size_t greedy_step_bytes() const noexcept override;
  std::unique_ptr<KvCache> make_cache(std::int32_t n_ctx, Numerics numerics) override;

  void begin(std::span<const StepRow> rows) override;
  void embed() override;
  void qkv(int layer) override;
  void attend(int layer) override;
  void keep_logit_rows() override;
  void attn_output(int layer) override;
  void ffn_gate_up(int layer) override;
  void ffn_down(int layer) override;
  void head() override;
  void head_best(std::int32_t count) override;

  std::span<const float> logits() override { return logits_; }
  std::span<const Candidate> best(std::int64_t logit_row) override {
    return best_[static_cast<std::size_t>(logit_row)].best;
  }

  void set_tap(Tap tap) override { tap_ = std::move(tap); }
  void set_patch(Patch patch) override { patch_ = std::move(patch); }
  std::vector<KernelCount> kernel_counts() const override;
  void reset_kernel_counts() noexcept override;

 private:
  enum Counter {
    kTernary,
    kTernaryFew,
    kDenseF32,
    kDenseF16,
    kDenseBf16,
    kDenseQ8,
    kDenseQ6,
    kScreen,
    kScreenFew,
    kRescore,
    kNorm,
    kQuantize,
    kAttention,
    kAttentionInt8,
    kGlu,
    kReferenceNorm,
    kReferenceAttention,
    kCounters
  };

  /// One matrix product of a parallel region: y = W input, combined with what y held. With a gate matrix of W's shape,
  /// y holds that one's product first; both are ternary.
  struct Product {
    const CpuMatrix* matrix;
    RowBuffer* y;
    Combine combine = Combine::set;
    const PackedTernary* gate = nullptr;
  };
  /// A part of a ternary product: groups of the matrix times rows of the step.
  struct Chunk {
    std::int64_t group, groups, row, rows;
  };

  bool reference() const noexcept { return is_reference(numerics_); }
  /// How the reference would evaluate this many rows: one row, or several at once.
  bool reference_single(std::int64_t rows) const noexcept {
    return numerics_ == Numerics::reference_single || rows == 1;
  }
  template <class Work>
  void for_each_row(const Work& work);
  /// first, then second for each row, with `point` between them: in one parallel region where nobody watches.
  template <class First, class Point, class Second>
  void for_each_row(const First& first, const Point& point, const Second& second);
  void norm_output();
  void multiply_head(std::int64_t row, std::int64_t rows, float* y);
  void norm_row(const float* x, const std::vector<float>& weight, std::int64_t n, float* y) noexcept;
  void quantize_row(std::int64_t row, const float* x, std::int64_t n) noexcept;
  /// h = norm(x) (or x itself without a weight), seen as `name`, quantized if the matrix that consumes it is ternary.
  void prepare_input(RowBuffer& x, const std::vector<float>& norm, std::int64_t n, const CpuMatrix& consumer,
                     std::string_view name, int layer);
  void multiply(std::span<const Product> products);
  void multiply_chunk(const PackedTernary& matrix, const Product& product, Chunk chunk, int thread) noexcept;
  void multiply_ternary(const PackedTernary& matrix, RowBuffer& y, Combine combine, Chunk chunk, int thread) noexcept;
  /// The reference rounds a single row to f16 before it meets f16 weights.
  bool rounds_input_to_half(const Matrix& matrix) const noexcept;
  /// y[token * y_stride + i] = row (first_row + i) of matrix times x's token.
  void multiply_dense(const Matrix& matrix, std::int64_t first_row, std::int64_t rows, const float* x,
                      std::int64_t x_stride, std::int64_t tokens, float* y, std::int64_t y_stride) noexcept;
  void rotate(std::int64_t row) noexcept;

  // cpu_attention.cpp
  void attend_one_answer(int layer);
  struct RowRun {
    std::int64_t first, rows;
  };
  RowRun row_run(std::int64_t first, std::int64_t most) const noexcept;
  std::int64_t blocks_seen(RowRun run) const noexcept;
  void attend_block(int layer, RowRun run, std::int64_t kv_head, std::int64_t block, float* partial) noexcept;
  void merge_partial(float* total, const float* partial) const noexcept;
  void finish_attention(std::int64_t row, std::int64_t kv_head, const float* total) noexcept;
  std::int64_t partial_floats() const noexcept;

  // cpu_reference.cpp
  void attend_reference(int layer);
  void attend_reference_head(int layer, std::int64_t row, std::int64_t head, bool single, int thread) noexcept;

  bool watched() const noexcept { return tap_ || patch_; }
  void tap(std::string_view name, int layer, RowBuffer& values, std::int64_t dim);
  void count(Counter counter, std::int64_t n) noexcept {
    counts_[counter].fetch_add(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
  }
  /// The kernel that a step of so many rows takes.
  Counter ternary_counter() const noexcept;
  static Counter dense_counter(TensorType type) noexcept;

  std::shared_ptr<const Model> model_;
  BoundKernels kernels_;
  ThreadPool pool_;
  std::int32_t max_rows_;
  float attention_scale_;               ///< 1 / sqrt(head_dim)
  AlignedBuffer<std::uint8_t> packed_;  ///< all ternary matrices in one piece, so that huge pages cover small ones, too
  std::vector<CpuLayer> layers_;
  bool only_ternary_ = true;  ///< whatever multiplies inside the layers takes codes
  std::vector<float> output_norm_;
  std::optional<ScreenedHead> screened_head_;
  std::size_t weight_bytes_ = 0;

  // The step in progress.
  std::vector<StepRow> rows_;
  std::int64_t n_rows_ = 0;  ///< rows still carried: all, or those that want logits
  Numerics numerics_ = Numerics::one_answer;
  RowBuffer x_, h_, q_, k_, v_, attention_, gate_, up_, z_;
  AlignedBuffer<std::int8_t> codes_;  ///< [max_rows, code_stride_], and kPad bytes behind
  std::int64_t code_stride_ = 0;
  std::vector<float> activation_scale_;
  std::vector<std::int32_t> code_sum_;
  const RowBuffer* input_ = nullptr;  ///< float input of multiply()
  AlignedBuffer<std::int32_t> sums_;  ///< [threads, kSumsAtOnce, kGroupRows]
  AlignedBuffer<float> scratch_;      ///< per-thread attention scratch
  std::int64_t scratch_stride_ = 0;
  std::vector<RowRun> runs_;
  std::vector<float> partials_;
  std::vector<float> logits_;
  std::vector<ScreenedHead::Found> best_;
  Tap tap_;
  Patch patch_;
  std::array<std::atomic<std::uint64_t>, kCounters> counts_{};
};

/// Loads a model onto the CPU: the row of the device list.
std::unique_ptr<Backend> load_cpu_backend(std::shared_ptr<const Model> model, const BackendOptions& options);

}  // namespace bh::engine
