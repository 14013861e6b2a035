// Two forms of one model - a Hugging Face folder and a GGUF file, a model before and after conversion - compared
// exactly: codes, scales, floats, norms, configuration, vocabulary. A difference names its place. What follows from it
// is not decided here.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "engine/model/model.h"

namespace bh::harness {

/// A matrix with the configuration that says in which order its rows lie.
struct MatrixOf {
  const engine::Config& config;
  const engine::Matrix& matrix;
};

/// Places are rows and columns as in Hugging Face files.
struct WeightDifference {
  std::int64_t compared = 0;
  std::int64_t differing = 0;
  std::int64_t row = -1, col = -1;  ///< of the first difference
  double left = 0, right = 0;       ///< the values there; of codes -1, 0 or 1
  double max_difference = 0;        ///< in absolute value; not finite where a value is not
  bool identical = true;            ///< without any rounding
  std::string mismatch;             ///< why they cannot be compared: "shape [4, 128] against [8, 128]"

  bool equal() const noexcept { return mismatch.empty() && differing == 0; }
};

/// Ternary codes; a matrix of floats counts as ternary where its values are 0 and +-s.
WeightDifference compare_codes(const MatrixOf& left, const MatrixOf& right);
/// Float matrices: equal where one side's value, rounded to the other side's type, is the other side's value.
/// Where one is quantized in blocks: equal within what its rounding, and the other side's, imply, with block scales
/// that the other side's values can have given.
WeightDifference compare_floats(const MatrixOf& left, const MatrixOf& right);
/// Norms: equal floats.
WeightDifference compare_values(std::span<const float> left, std::span<const float> right);

/// "1 of 65536 differs, first at row 3, column 17: -1 against 1"; empty where all is equal.
std::string describe(const WeightDifference& difference);
json::object to_json(const WeightDifference& difference);

/// What a file holds for the scale of a ternary matrix.
struct StoredScale {
  float stored = 0;
  float value = 0;  ///< what multiplies: `stored` or its reciprocal
  engine::TensorType type = engine::TensorType::f32;
  bool reciprocal = false;
};

/// Of every linear layer that is ternary, by name. Opens the model's files again; a master's scale is the one that
/// online quantization gives, in the master's type.
std::map<std::string, StoredScale> stored_scales(const engine::Model& model);

/// Equal after rounding to the coarser of the two types.
bool same_scale(const StoredScale& left, const StoredScale& right) noexcept;

struct FieldComparison {
  std::string key;
  std::string left, right;
  bool equal = true;
  bool required = true;  ///< false: told, but other cases judge what it leads to
};

/// Everything of the configuration that the answers depend on.
std::vector<FieldComparison> compare_configs(const engine::Model& left, const engine::Model& right);
/// Tokens, merges, special ids and what ends a generation. Ids that only one side names must be unused.
std::vector<FieldComparison> compare_vocabularies(const engine::Tokenizer& left, const engine::Tokenizer& right);
json::array to_json(const std::vector<FieldComparison>& fields);

}  // namespace bh::harness
