// Which node of the reference's compute graph is which tap point of ours ("attn_norm", "q", ...). The reference names
// its nodes "attn_norm-3"; where it gives several nodes one name, the operation tells them apart.
#pragma once

#include <ggml.h>

#include <string>

namespace bh::adapter {

struct Point {
  std::string name;  ///< empty = none of ours
  int layer = -1;
};

Point point_of(const ggml_tensor& node);

}  // namespace bh::adapter
