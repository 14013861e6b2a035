#include "engine/model/config.h"

#include <cmath>

#include "engine/base/error.h"

namespace bh::engine {
namespace {

// Far above any model of the field, low enough that no product of two of them overflows 64 bits.
constexpr std::int32_t kMaxVocab = 1 << 24;
constexpr std::int32_t kMaxContext = 1 << 26;
constexpr std::int32_t kMaxWidth = 1 << 19;  // and sums of products stay exact (TernaryTask in engine/cpu/kernels.h)
constexpr std::int32_t kMaxLayers = 4096;
constexpr std::int32_t kMaxHeads = 4096;
constexpr std::int32_t kMaxHeadDim = 4096;
constexpr float kMinRopeFactor = 1.0f / 1024;

void in_range(const std::string& where, const char* name, std::int32_t value, std::int32_t most) {
  if (value < 1 || value > most)
    fail(ErrorKind::setup, "{}: the model's {} is {}; 1 to {} is possible", where, name, value, most);
}

void positive(const std::string& where, const char* name, float value) {
  if (!std::isfinite(value) || value <= 0)
    fail(ErrorKind::setup, "{}: the model's {} is {}; it must be finite and above 0", where, name, value);
}

void at_least(const std::string& where, const char* name, float value, float least) {
  if (!std::isfinite(value) || value < least)
    fail(ErrorKind::setup, "{}: the model's {} is {}; it must be finite and at least {}", where, name, value, least);
}

}  // namespace

void validate(const Config& config, const std::string& where) {
  in_range(where, "vocabulary size", config.n_vocab, kMaxVocab);
  in_range(where, "context length", config.n_ctx, kMaxContext);
  in_range(where, "embedding length", config.n_embd, kMaxWidth);
  in_range(where, "number of layers", config.n_layer, kMaxLayers);
  in_range(where, "number of heads", config.n_head, kMaxHeads);
  in_range(where, "number of KV heads", config.n_head_kv, config.n_head);
  in_range(where, "head size", config.head_dim, kMaxHeadDim);
  in_range(where, "heads times head size", config.n_head * config.head_dim, kMaxWidth);
  in_range(where, "feed-forward length", config.n_ff, kMaxWidth);
  if (config.n_head % config.n_head_kv != 0)
    fail(ErrorKind::setup, "{}: {} heads cannot share {} KV heads evenly", where, config.n_head, config.n_head_kv);
  if (config.head_dim % 2 != 0)
    fail(ErrorKind::setup, "{}: the head size {} is odd, rotary embeddings need pairs", where, config.head_dim);
  positive(where, "RMS epsilon", config.rms_eps);
  // Every angle must stay where sine and cosine mean something (engine/base/exact_math.h).
  at_least(where, "RoPE base", config.rope_base, 1.0f);
  at_least(where, "RoPE scaling factor", config.rope_factor, kMinRopeFactor);
}

}  // namespace bh::engine
