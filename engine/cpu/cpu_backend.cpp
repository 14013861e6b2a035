#include "engine/cpu/cpu_backend.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/float_types.h"
#include "engine/base/host.h"
#include "engine/cpu/cpu_reference.h"

namespace bh::engine {
namespace {

std::vector<float> padded(const std::vector<float>& values) {
  std::vector<float> result(static_cast<std::size_t>(round_up(static_cast<std::int64_t>(values.size()), kPad)));
  std::copy(values.begin(), values.end(), result.begin());
  return result;
}

int threads_for(const BackendOptions& options) {
  if (options.oversubscribe || options.threads == 0) return options.threads;
  return std::min(options.threads, host_facts().usable_cores);
}

}  // namespace

CpuBackend::CpuBackend(std::shared_ptr<const Model> model, const BackendOptions& options)
    : model_(std::move(model)),
      kernels_(bind_kernels(options.kernel)),
      pool_(threads_for(options)),
      max_rows_(std::max(1, options.max_rows)),
      attention_scale_(1.0f / std::sqrt(static_cast<float>(model_->config.head_dim))) {
  const Config& config = model_->config;
  std::int64_t bytes = 0;
  for (const Matrix* matrix : model_->matrices()) {
    if (matrix->format->ternary) bytes += packed_bytes(matrix->rows, matrix->cols, kernels_.layout);
  }
  packed_ = AlignedBuffer<std::uint8_t>(static_cast<std::size_t>(bytes));
  std::span<std::uint8_t> unused = packed_.span();
  const auto take = [&](const Matrix& matrix) -> CpuMatrix {
    if (!matrix.format->ternary) {
      only_ternary_ = false;
      weight_bytes_ += matrix.bytes.size();
      return matrix;
    }
    const auto size = static_cast<std::size_t>(packed_bytes(matrix.rows, matrix.cols, kernels_.layout));
    const PackedTernary packed =
        pack_ternary(matrix, kernels_.layout, model_->source.path.string(), unused.first(size), pool_);
    model_->release(matrix.bytes);
    unused = unused.subspan(size);
    weight_bytes_ += size;
    return packed;
  };
  for (const Layer& layer : model_->layers) {
    layers_.push_back({padded(layer.attn_norm), padded(layer.attn_sub_norm), padded(layer.ffn_norm),
                       padded(layer.ffn_sub_norm), take(layer.q), take(layer.k), take(layer.v), take(layer.o),
                       take(layer.gate), take(layer.up), take(layer.down)});
  }
  output_norm_ = padded(model_->output_norm);
  weight_bytes_ += model_->token_embd.bytes.size() + (model_->tied_output ? 0 : model_->output.bytes.size());
  const Matrix& output = model_->output;
  if (options.head_screen == HeadScreen::always && !ScreenedHead::possible(output)) {
    fail(ErrorKind::setup, "an LM head of format {} cannot be screened; leave the choice to the engine",
         output.format->name);
  }
  if (options.head_screen == HeadScreen::always ||
      (options.head_screen == HeadScreen::automatic && ScreenedHead::pays(output))) {
    screened_head_.emplace(output, kernels_, pool_, [&](auto packed) { model_->release(packed); });
    weight_bytes_ += screened_head_->bytes();
  }

  const std::int64_t rows = max_rows_, widest = std::max({config.n_embd, config.q_dim(), config.n_ff});
  x_ = RowBuffer(rows, config.n_embd);
  h_ = RowBuffer(rows, widest);
  q_ = RowBuffer(rows, config.q_dim());
  k_ = RowBuffer(rows, config.kv_dim());
  v_ = RowBuffer(rows, config.kv_dim());
  attention_ = RowBuffer(rows, config.q_dim());
  gate_ = RowBuffer(rows, config.n_ff);
  up_ = RowBuffer(rows, config.n_ff);
  z_ = RowBuffer(rows, config.n_ff);
  code_stride_ = round_up(widest, kPad);
  codes_ = AlignedBuffer<std::int8_t>(static_cast<std::size_t>(rows * code_stride_ + kPad));
  activation_scale_.resize(static_cast<std::size_t>(rows));
  code_sum_.resize(static_cast<std::size_t>(rows));
  sums_ = AlignedBuffer<std::int32_t>(static_cast<std::size_t>(pool_.threads() * kSumsAtOnce * kGroupRows));
}

std::string CpuBackend::describe() const {
  return fmt::format("cpu, {}, {} thread{}", kernels_.ternary_name, pool_.threads(), pool_.threads() == 1 ? "" : "s");
}

std::size_t CpuBackend::greedy_step_bytes() const noexcept {
  std::size_t bytes = weight_bytes_;
  if (!model_->tied_output) bytes -= model_->token_embd.bytes.size();  // one row of it is read
  if (screened_head_) bytes -= model_->output.bytes.size();
  return bytes;
}

std::unique_ptr<KvCache> CpuBackend::make_cache(std::int32_t n_ctx, Numerics numerics) {
  try {
    return std::make_unique<CpuKvCache>(model_->config, n_ctx, numerics, *kernels_.floats);
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::setup, "not enough memory for a KV cache of {} tokens; ask for a smaller context (-c)", n_ctx);
  }
}

void CpuBackend::begin(std::span<const StepRow> rows) {
  BH_ASSERT(!rows.empty() && rows.size() <= static_cast<std::size_t>(max_rows_));
  rows_.assign(rows.begin(), rows.end());
  n_rows_ = static_cast<std::int64_t>(rows.size());
  numerics_ = static_cast<const CpuKvCache*>(rows[0].cache)->numerics();
  std::int64_t longest = 0;
  for (const StepRow& row : rows) {
    const auto& cache = *static_cast<const CpuKvCache*>(row.cache);
    BH_ASSERT(cache.numerics() == numerics_);
    BH_ASSERT(row.position >= 0 && row.position < cache.n_ctx());
    longest = std::max<std::int64_t>(longest, row.position + 1);
  }
  const std::int64_t stride =
      std::max(2 * kAttentionRows * partial_floats(),
               2 * round_up(longest, kPad) + 2 * round_up(std::max(model_->config.head_dim, 1), kPad));
  if (stride > scratch_stride_) {
    scratch_stride_ = round_up(stride, 1024);
    scratch_ = AlignedBuffer<float>(static_cast<std::size_t>(pool_.threads() * scratch_stride_));
  }
}

template <class Work>
void CpuBackend::for_each_row(const Work& work) {
  pool_.run(n_rows_, [&](std::int64_t row, int) { work(row); });
}

template <class First, class Point, class Second>
void CpuBackend::for_each_row(const First& first, const Point& point, const Second& second) {
  if (watched()) {
    for_each_row(first);
    point();
    for_each_row(second);
    return;
  }
  for_each_row([&](std::int64_t row) {
    first(row);
    second(row);
  });
}

void CpuBackend::embed() {
  const Matrix& table = model_->token_embd;
  for_each_row([&](std::int64_t row) {
    table.format->decode_row(table.bytes, table.rows, table.cols, rows_[static_cast<std::size_t>(row)].token,
                             {x_.row(row), static_cast<std::size_t>(table.cols)});
    // What is no number in an earlier step may have reached the padding.
    std::fill(x_.row(row) + table.cols, x_.row(row) + round_up(table.cols, kPad), 0.0f);
  });
  tap("embd", -1, x_, table.cols);
}

void CpuBackend::norm_row(const float* x, const std::vector<float>& weight, std::int64_t n, float* y) noexcept {
  if (reference()) {
    reference_rms_norm(x, weight.data(), n, model_->config.rms_eps, y);
  } else {
    kernels_.floats->rms_norm(x, weight.data(), n, model_->config.rms_eps, y);
  }
  count(reference() ? kReferenceNorm : kNorm, 1);
}

void CpuBackend::quantize_row(std::int64_t row, const float* x, std::int64_t n) noexcept {
  kernels_.floats->quantize(x, round_up(n, kPad), codes_.data() + row * code_stride_,
                            &activation_scale_[static_cast<std::size_t>(row)],
                            &code_sum_[static_cast<std::size_t>(row)]);
  count(kQuantize, 1);
}

void CpuBackend::prepare_input(RowBuffer& x, const std::vector<float>& norm, std::int64_t n, const CpuMatrix& consumer,
                               std::string_view name, int layer) {
  const auto* dense = std::get_if<Matrix>(&consumer);
  const bool round_to_half = dense != nullptr && rounds_input_to_half(*dense);
  const bool in_place = norm.empty() && !round_to_half;
  RowBuffer& input = in_place ? x : h_;
  if (only_ternary_ && !norm.empty() && !reference() && !watched()) {
    for_each_row([&](std::int64_t row) {
      const auto at = static_cast<std::size_t>(row);
      kernels_.floats->norm_and_quantize(x.row(row), norm.data(), n, model_->config.rms_eps,
                                         codes_.data() + row * code_stride_, &activation_scale_[at], &code_sum_[at]);
    });
    count(kNorm, n_rows_);
    count(kQuantize, n_rows_);
    return;
  }
  for_each_row(
      [&](std::int64_t row) {
        if (!norm.empty()) {
          norm_row(x.row(row), norm, n, h_.row(row));
        } else if (!in_place) {
          std::copy_n(x.row(row), x.stride, h_.row(row));
        }
      },
      [&] { tap(name, layer, input, n); },
      [&](std::int64_t row) {
        if (round_to_half) round_row_to_half(input.row(row), n);
        if (dense == nullptr) quantize_row(row, input.row(row), n);
      });
  input_ = &input;
}

void CpuBackend::qkv(int layer) {
  const CpuLayer& weights = layers_[static_cast<std::size_t>(layer)];
  const Config& config = model_->config;
  prepare_input(x_, weights.attn_norm, config.n_embd, weights.q, "attn_norm", layer);
  multiply(std::array{Product{&weights.q, &q_}, Product{&weights.k, &k_}, Product{&weights.v, &v_}});
  tap("q", layer, q_, config.q_dim());
  tap("k", layer, k_, config.kv_dim());
  tap("v", layer, v_, config.kv_dim());
  for_each_row([&](std::int64_t row) { rotate(row); },
               [&] {
                 tap("q_rope", layer, q_, config.q_dim());
                 tap("k_rope", layer, k_, config.kv_dim());
               },
               [&](std::int64_t row) {
                 const StepRow& step = rows_[static_cast<std::size_t>(row)];
                 static_cast<CpuKvCache*>(step.cache)->append(layer, step.position, k_.row(row), v_.row(row));
               });
}

void CpuBackend::rotate(std::int64_t row) noexcept {
  const Config& config = model_->config;
  const StepRow& step = rows_[static_cast<std::size_t>(row)];
  const RopeTable& table = static_cast<const CpuKvCache*>(step.cache)->rope();
  const float* cos = table.cos.data() + step.position * table.half;
  const float* sin = table.sin.data() + step.position * table.half;
  const bool adjacent = config.rope_style == RopeStyle::adjacent_pairs;
  const auto rotate_heads = [&](float* x, std::int64_t heads) {
    if (!adjacent && !reference()) return kernels_.floats->rotate_halves(x, heads, table.half, cos, sin);
    for (std::int64_t head = 0; head < heads; ++head, x += config.head_dim) {
      for (std::int64_t i = 0; i < table.half; ++i) {
        float& first = x[adjacent ? 2 * i : i];
        float& second = x[adjacent ? 2 * i + 1 : i + table.half];
        const float a = first, b = second;
        // The reference's compiler fuses the first product.
        first = reference() ? std::fma(a, cos[i], -(b * sin[i])) : a * cos[i] - b * sin[i];
        second = reference() ? std::fma(a, sin[i], b * cos[i]) : a * sin[i] + b * cos[i];
      }
    }
  };
  rotate_heads(q_.row(row), config.n_head);
  rotate_heads(k_.row(row), config.n_head_kv);
}

void CpuBackend::attend(int layer) {
  if (reference()) {
    attend_reference(layer);
  } else {
    attend_one_answer(layer);
  }
  tap("attn_heads", layer, attention_, model_->config.q_dim());
}

void CpuBackend::keep_logit_rows() {
  std::size_t kept = 0;
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    if (!rows_[row].wants_logits) continue;
    if (kept != row) {
      const auto to = static_cast<std::int64_t>(kept), from = static_cast<std::int64_t>(row);
      std::copy_n(x_.row(from), x_.stride, x_.row(to));
      std::copy_n(attention_.row(from), attention_.stride, attention_.row(to));
      rows_[kept] = rows_[row];
    }
    ++kept;
  }
  rows_.resize(kept);
  n_rows_ = static_cast<std::int64_t>(kept);
}

void CpuBackend::attn_output(int layer) {
  const CpuLayer& weights = layers_[static_cast<std::size_t>(layer)];
  prepare_input(attention_, weights.attn_sub_norm, model_->config.q_dim(), weights.o, "attn_sub_norm", layer);
  multiply(std::array{Product{&weights.o, &x_, Combine::add}});
  tap("attn_residual", layer, x_, model_->config.n_embd);
}

void CpuBackend::ffn_gate_up(int layer) {
  const CpuLayer& weights = layers_[static_cast<std::size_t>(layer)];
  const Config& config = model_->config;
  prepare_input(x_, weights.ffn_norm, config.n_embd, weights.gate, "ffn_norm", layer);
  const bool is_silu = config.activation == Activation::silu;
  count(kGlu, n_rows_);
  const auto* gate = std::get_if<PackedTernary>(&weights.gate);
  if (gate && std::holds_alternative<PackedTernary>(weights.up) && !watched()) {
    // Neither gate nor up is written: z takes the one, then the other.
    multiply(std::array{Product{&weights.up, &z_, is_silu ? Combine::silu_glu : Combine::squared_relu_glu, gate}});
    return;
  }
  multiply(std::array{Product{&weights.gate, &gate_}, Product{&weights.up, &up_}});
  tap("ffn_gate", layer, gate_, config.n_ff);
  tap("ffn_up", layer, up_, config.n_ff);
  const auto glu = is_silu ? kernels_.floats->silu_glu : kernels_.floats->squared_relu_glu;
  for_each_row([&](std::int64_t row) { glu(gate_.row(row), up_.row(row), round_up(config.n_ff, kPad), z_.row(row)); });
  tap("ffn_glu", layer, z_, config.n_ff);
}

void CpuBackend::ffn_down(int layer) {
  const CpuLayer& weights = layers_[static_cast<std::size_t>(layer)];
  prepare_input(z_, weights.ffn_sub_norm, model_->config.n_ff, weights.down, "ffn_sub_norm", layer);
  multiply(std::array{Product{&weights.down, &x_, Combine::add}});
  tap("ffn_residual", layer, x_, model_->config.n_embd);
}

void CpuBackend::norm_output() {
  const bool round_to_half = rounds_input_to_half(model_->output);
  for_each_row([&](std::int64_t row) { norm_row(x_.row(row), output_norm_, model_->config.n_embd, h_.row(row)); },
               [&] { tap("output_norm", -1, h_, model_->config.n_embd); },
               [&](std::int64_t row) {
                 if (round_to_half) round_row_to_half(h_.row(row), model_->config.n_embd);
               });
}

void CpuBackend::head() {
  norm_output();
  logits_.resize(static_cast<std::size_t>(n_rows_ * model_->output.rows));
  multiply_head(0, n_rows_, logits_.data());
}

void CpuBackend::head_best(std::int32_t wanted) {
  norm_output();
  best_.assign(static_cast<std::size_t>(n_rows_), {});
  if (screened_head_ && !reference()) {
    const auto [by_many, by_few] = screened_head_->best(h_.row(0), h_.stride, wanted, best_);
    count(kScreen, by_many);
    count(kScreenFew, by_few);
  }
  for (std::int64_t row = 0; row < n_rows_; ++row) {
    auto& [best, rescored] = best_[static_cast<std::size_t>(row)];
    if (rescored >= 0) {
      count(kRescore, rescored);
      continue;
    }
    logits_.resize(static_cast<std::size_t>(model_->output.rows));
    multiply_head(row, 1, logits_.data());
    best = best_of(logits_, wanted);
  }
}

void CpuBackend::tap(std::string_view name, int layer, RowBuffer& values, std::int64_t dim) {
  if (!watched()) return;
  std::vector<float> dense_rows;
  for (std::int64_t row = 0; row < n_rows_; ++row) {
    dense_rows.insert(dense_rows.end(), values.row(row), values.row(row) + dim);
  }
  if (tap_) tap_(name, layer, dense_rows, dim);
  if (!patch_) return;
  patch_(name, layer, dense_rows, dim);
  for (std::int64_t row = 0; row < n_rows_; ++row) {
    std::copy_n(dense_rows.data() + row * dim, dim, values.row(row));
  }
}

std::vector<KernelCount> CpuBackend::kernel_counts() const {
  const std::string& dense = kernels_.dense_isa;
  const std::string& floats = kernels_.float_isa;
  const std::array<std::string, kCounters> names = {kernels_.ternary_name,
                                                    kernels_.ternary_few_name,
                                                    "f32." + dense,
                                                    "f16." + dense,
                                                    "bf16." + dense,
                                                    "q8_0." + dense,
                                                    "q6_k." + dense,
                                                    "head_screen." + kernels_.screen_isa,
                                                    "head_screen." + kernels_.screen_few_isa,
                                                    "head_rescore." + dense,
                                                    "rms_norm." + floats,
                                                    "quantize_i8." + floats,
                                                    "attention." + floats,
                                                    "attention_int8." + floats,
                                                    "glu." + floats,
                                                    "rms_norm.reference",
                                                    "attention.reference"};
  std::vector<KernelCount> list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (const std::uint64_t n = counts_[i].load(std::memory_order_relaxed)) list.push_back({names[i], n});
  }
  return list;
}

void CpuBackend::reset_kernel_counts() noexcept {
  for (auto& value : counts_) value.store(0, std::memory_order_relaxed);
}

std::unique_ptr<Backend> load_cpu_backend(std::shared_ptr<const Model> model, const BackendOptions& options) {
  try {
    return std::make_unique<CpuBackend>(std::move(model), options);
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::setup, "not enough memory to load the model; free some, or use a smaller batch (-ub)");
  }
}

}  // namespace bh::engine
