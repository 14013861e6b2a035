// What a made model consists of, and the values of its tensors. Only the synth files include this.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/base/thread_pool.h"
#include "engine/model/config.h"
#include "engine/model/synth.h"

namespace bh::engine {

struct SynthTensor {
  enum class Kind { embedding, norm, ternary };
  Kind kind = Kind::norm;
  std::string name;  ///< as in GGUF
  std::int64_t rows = 1, cols = 0;
  float scale =
      0.0f;  ///< standard deviation of an embedding or norm; what a ternary matrix multiplies by, exact in bf16
};

struct SynthPlan {
  Config config;
  Vocabulary vocabulary;
  TensorType embedding_type = TensorType::f16;
  std::uint64_t seed = 0;
  std::vector<SynthTensor> tensors;  ///< in the order of the official file

  const SynthTensor& tensor(std::string_view name) const;
};

/// Throws Error(usage) on options that fit no model.
SynthPlan plan_synth(const SynthOptions& options);

/// Values of one tensor from element `first` on (row-major). Pure functions of seed, name and position.
/// Every run of 128 elements of a ternary matrix holds the same magnitudes in another order, with random signs: a zero
/// code for 41 of them, and a mean magnitude that is the scale, so that rounding the float master by its mean gives
/// these codes and this scale back.
void synth_codes(const SynthPlan& plan, const SynthTensor& tensor, std::int64_t first, std::span<std::uint8_t> dst);
void synth_master(const SynthPlan& plan, const SynthTensor& tensor, std::int64_t first, std::span<std::uint16_t> dst);
/// Embeddings and norms: exact in bf16, and in f16 as well.
void synth_floats(const SynthPlan& plan, const SynthTensor& tensor, std::int64_t first, std::span<float> dst);

TensorType stored_type(const SynthPlan& plan, const SynthTensor& tensor);
/// The whole tensor as stored_type().
void fill_synth(const SynthPlan& plan, const SynthTensor& tensor, ThreadPool& pool, std::span<std::byte> dst);

}  // namespace bh::engine
