// Intermediate results of two engines, point by point. Op by op, each op of ours gets the reference's own inputs, so
// that nothing cascades and a tight tolerance holds at any depth; free running, an early difference is carried along.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/backend.h"

namespace bh::suites::crossval {

/// A traced evaluation of several positions. The rows of a point are gathered over the steps it took.
class Trace {
 public:
  struct Values {
    std::vector<float> rows;  ///< [positions, dim]
    std::int64_t dim = 0;
  };
  void add(std::string_view point, int layer, std::span<const float> values, std::int64_t dim);
  /// nullptr where the engine does not show it.
  const Values* find(std::string_view point, int layer) const;
  std::size_t points() const noexcept { return values_.size(); }

 private:
  std::map<std::pair<int, std::string>, Values, std::less<>> values_;
};

/// One point of ours beside the reference's, over all positions.
struct PointError {
  std::string point;  ///< "attn_norm"
  int layer = -1;
  bool compared = false;    ///< false: the reference does not show it, or shows another shape
  std::string other_shape;  ///< of the reference, where it shows the point in another one: "[3, 128], ours is [3, 256]"
  double relative_error = 0;  ///< largest over positions of |ours - reference| / |reference|; infinite if not finite
  double max_abs = 0;
  std::int64_t values = 0;
  std::int64_t codes = 0;  ///< values that a ternary matrix takes as int8 codes; 0 where none does
  std::int64_t flips = 0;  ///< codes that differ
};

enum class Feeding { reference_inputs, own_inputs };

/// One evaluation of `ids` in one step with these numerics, compared in the order computed; "logits" last.
std::vector<PointError> compare_traces(engine::Backend& backend, std::span<const engine::TokenId> ids,
                                       engine::Numerics numerics, const Trace& reference, Feeding feeding);

/// What BitLinear quantizes a row of activations to.
std::vector<std::int8_t> int8_codes(std::span<const float> row);

}  // namespace bh::suites::crossval
