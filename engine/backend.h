// The device interface. The forward pass (engine/runtime/forward.cpp) is written once over these ops; a device decides
// how each is fused, packed and parallelised. No value is read by the host between ops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/candidate.h"
#include "engine/model/model.h"

namespace bh::engine {

/// Which rounding points a session follows.
enum class Numerics {
  /// Ours: the same bits for every thread count, instruction set and batch split.
  one_answer,
  /// The same, but for keys and values kept as int8 codes with a float scale for each position and head: half the
  /// bytes, and its own bits. What it costs in quality is measured, not promised (`bitharness perplexity`).
  one_answer_kv_int8,
  /// bitnet.cpp's f16 and accumulation order where it evaluates two or more positions in one call; for comparison only.
  reference_batch,
  /// The same, one position at a time.
  reference_single
};

std::string_view to_string(Numerics numerics) noexcept;
/// Throws Error(usage) on an unknown name.
Numerics numerics_from(std::string_view name);

constexpr bool is_reference(Numerics numerics) noexcept {
  return numerics == Numerics::reference_batch || numerics == Numerics::reference_single;
}

/// Keys and values of one sequence, owned by the device that made it.
class KvCache {
 public:
  virtual ~KvCache() = default;
  virtual std::int32_t n_ctx() const noexcept = 0;
  virtual std::size_t bytes() const noexcept = 0;
  virtual std::size_t bytes_per_position() const noexcept = 0;  ///< of keys and values that are read, all layers
};

/// One row of a step: one token of one sequence. Rows of a sequence stand in order of position.
struct StepRow {
  KvCache* cache = nullptr;
  TokenId token = 0;
  std::int32_t position = 0;
  bool wants_logits = false;
};

/// How often a kernel ran, counted where it runs: matrix kernels in rows x matrices, attention in rows x heads, what
/// rescores a screened head in rows of the head, the others in rows.
struct KernelCount {
  std::string name;  ///< "i2_s.avx512_vnni"
  std::uint64_t count = 0;
};

/// Sees an intermediate result: name ("attn_norm", "q", "attn_out", ...), layer (-1 outside), values [n_rows, dim].
using Tap = std::function<void(std::string_view name, int layer, std::span<const float> values, std::int64_t dim)>;
/// The same, but what it writes into `values` is what the step goes on with: so an op can be fed inputs from elsewhere.
using Patch = std::function<void(std::string_view name, int layer, std::span<float> values, std::int64_t dim)>;

/// A model loaded on a device. Not thread-safe: one step at a time. All ops of a step run in the order of forward().
class Backend {
 public:
  virtual ~Backend() = default;

  virtual const Model& model() const noexcept = 0;
  virtual std::string describe() const = 0;               ///< "cpu, i2_s.avx512_vnni, 2 threads"
  virtual std::int32_t max_rows() const noexcept = 0;     ///< rows one step may hold
  virtual std::size_t weight_bytes() const noexcept = 0;  ///< packed weights held on the device
  /// Bytes of weights that a greedy decode step of one row reads, without the few rows that a screened head rescores.
  virtual std::size_t greedy_step_bytes() const noexcept = 0;
  /// Throws Error(setup) where memory does not suffice.
  virtual std::unique_ptr<KvCache> make_cache(std::int32_t n_ctx, Numerics numerics) = 0;

  /// Starts a step of 1 .. max_rows() rows; every cache was made with the same numerics.
  virtual void begin(std::span<const StepRow> rows) = 0;
  virtual void embed() = 0;                 ///< x = token embedding
  virtual void qkv(int layer) = 0;          ///< norm, quantize, Wq Wk Wv, RoPE; k and v go into the caches
  virtual void attend(int layer) = 0;       ///< softmax(q k / sqrt(head_dim)) v over each row's own past
  virtual void keep_logit_rows() = 0;       ///< drops the rows that want no logits (after the last attend)
  virtual void attn_output(int layer) = 0;  ///< sub-norm, quantize, x += Wo o
  virtual void ffn_gate_up(int layer) = 0;  ///< norm, quantize, z = act(Wgate h) * (Wup h)
  virtual void ffn_down(int layer) = 0;     ///< sub-norm, quantize, x += Wdown z
  virtual void head() = 0;                  ///< output norm and LM head for the rows that want logits
  /// The same where only the `count` best logits of each row are wanted: those that head() would have found, to the
  /// bit, but a device need not compute the others.
  virtual void head_best(std::int32_t count) = 0;

  /// After head(): logits [n_logit_rows, n_vocab], valid until the next begin().
  virtual std::span<const float> logits() = 0;
  /// After head_best(): the best of a logit row in rank order, NaN left out; valid until the next begin().
  virtual std::span<const Candidate> best(std::int64_t logit_row) = 0;

  virtual void set_tap(Tap tap) = 0;        ///< an empty Tap switches tracing off
  virtual void set_patch(Patch patch) = 0;  ///< called after the tap; an empty Patch switches it off
  virtual std::vector<KernelCount> kernel_counts() const = 0;
  virtual void reset_kernel_counts() noexcept = 0;
};

/// Whether head_best() screens the rows of the head by a smaller copy (engine/cpu/screened_head.h). Its answer does not
/// depend on it.
enum class HeadScreen { automatic, never, always };

struct BackendOptions {
  int threads = 0;     ///< 0 = every usable core; more than those are not started unless oversubscribe is set
  std::string kernel;  ///< force the kernel rows of this ISA or name; empty = best usable
  std::int32_t max_rows = 512;
  HeadScreen head_screen = HeadScreen::automatic;  ///< automatic = where the head is large enough to gain by it
  bool oversubscribe = false;                      ///< for tests: as many threads as asked for, whatever the machine
};

/// A row of the device list (engine/backends.cpp).
struct Device {
  std::string_view name;          ///< "cpu"
  std::string (*why_unusable)();  ///< empty if usable here
  std::unique_ptr<Backend> (*load)(std::shared_ptr<const Model> model, const BackendOptions& options);
};

std::span<const Device> devices() noexcept;
/// "auto" takes the first usable one. Throws Error(usage) on an unknown name, Error(setup) with the reason.
const Device& find_device(std::string_view name);

}  // namespace bh::engine
