// A reference model loaded through its public C API: everything the adapter can be asked, without the protocol.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "third_party/bitnet.cpp/llama_api.h"
#include "third_party/bitnet.cpp/points.h"

namespace bh::adapter {

/// Somebody else's mistake: of whoever asks (usage), or of files and machine (setup).
struct AdapterError : std::runtime_error {
  AdapterError(std::string kind_of, const std::string& message)
      : std::runtime_error(message), kind(std::move(kind_of)) {}
  std::string kind;
};

struct Settings {
  std::string model;
  std::int32_t threads = 1;
  std::int32_t n_ctx = 0;  ///< 0 = the model's own, at most 2048
};

enum class Mode { batch, single };  ///< all positions in one call, or one position at a time

using OnRow = std::function<void(std::int64_t position, std::span<const float> logits)>;
/// One node of the compute graph that is a tap point: values [rows, dim].
using OnTensor =
    std::function<void(const Point& point, std::int64_t rows, std::int64_t dim, std::span<const float> values)>;

struct Timing {
  std::vector<llama_token> ids;
  std::int64_t prefill_ns = 0, decode_ns = 0, reused = 0;
  std::vector<std::int64_t> step_ns;  ///< of the steps after the first token
};

/// Every call but time() starts from an empty context. Methods throw AdapterError.
class Reference {
 public:
  explicit Reference(const Settings& settings);
  ~Reference();
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;

  std::int32_t n_vocab() const { return n_vocab_; }
  std::int32_t n_ctx() const { return n_ctx_; }
  const char* generation() const { return generation_of(model_); }
  /// "silu", "relu_sqr" or "unknown", found by comparing what goes into the activation with what comes out.
  std::string probe_activation();

  std::vector<llama_token> tokenize(const std::string& text, bool add_bos, bool parse_special);
  std::string detokenize(std::span<const llama_token> ids);
  void logits(std::span<const llama_token> ids, Mode mode, const OnRow& on_row);
  void trace(std::span<const llama_token> ids, Mode mode, const OnTensor& on_tensor);
  /// Greedy, end tokens ignored. `reuse` allows to keep what the call before left in the KV cache of the same prompt.
  Timing time(std::span<const llama_token> prompt, std::int64_t tokens, bool reuse);

 private:
  static bool on_node(ggml_tensor* node, bool ask, void* self);
  void take(const ggml_tensor& node);
  void check(std::span<const llama_token> ids, std::int64_t more = 0) const;
  void decode(std::span<const llama_token> ids, std::int32_t first, bool all_logits);
  void evaluate(std::span<const llama_token> ids, Mode mode, const OnRow& on_row);
  llama_token best(std::int32_t row) const;

  llama_model* model_ = nullptr;
  llama_context* context_ = nullptr;
  std::int32_t n_vocab_ = 0, n_ctx_ = 0;
  OnTensor on_tensor_;                     ///< empty = nobody watches
  std::int64_t step_rows_ = 0;             ///< of the call in progress
  std::vector<llama_token> timed_prompt_;  ///< what the KV cache holds from time(); empty = something else
  llama_token after_prompt_ = 0;           ///< the first token after it
};

}  // namespace bh::adapter
