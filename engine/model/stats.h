// Figures about a model's tensors, for inspect --stats and the acceptance checks that look for weights gone wrong.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/model/model.h"

namespace bh::engine {

struct TensorStats {
  std::string name;    ///< GGUF name: "blk.0.attn_q.weight"
  std::string format;  ///< "I2_S"; norms are F32 in memory, whatever the file holds
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  // Of the finite values:
  double rms = 0;
  double min = 0;
  double max = 0;
  double zero_fraction = 0;
  std::int64_t nonfinite = 0;
  std::int64_t illegal_codes = 0;  ///< ternary formats: codes that stand for no value
};

TensorStats tensor_stats(const Matrix& matrix);
TensorStats vector_stats(std::string name, const std::vector<float>& values);

/// Of every matrix and norm, in the order of the forward pass. Uses all usable cores; the figures do not depend on how
/// many.
std::vector<TensorStats> model_stats(const Model& model);

}  // namespace bh::engine
