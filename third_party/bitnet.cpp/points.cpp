#include "third_party/bitnet.cpp/points.h"

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace bh::adapter {
namespace {

enum class Which { any, matrix_product, rotation, not_matrix_product };

struct Row {
  std::string_view node;
  Which which;
  std::string_view point;
};

// From the graphs of arch bitnet, bitnet-25, bitnet-b1.58 and llama in bitnet.cpp's fork and in later llama.cpp builds.
constexpr Row kRows[] = {
    {"inp_embd", Which::any, "embd"},
    {"attn_norm", Which::any, "attn_norm"},
    {"Qcur", Which::matrix_product, "q"},
    {"Kcur", Which::matrix_product, "k"},
    {"Vcur", Which::matrix_product, "v"},
    {"Qcur", Which::rotation, "q_rope"},
    {"Kcur", Which::rotation, "k_rope"},
    {"kqv_merged_cont", Which::any, "attn_heads"},
    {"kqv_out", Which::not_matrix_product, "attn_heads"},
    {"attn_sub_norm", Which::any, "attn_sub_norm"},
    {"ffn_inp", Which::any, "attn_residual"},
    {"ffn_norm", Which::any, "ffn_norm"},
    {"ffn_gate", Which::matrix_product, "ffn_gate"},
    {"ffn_up", Which::matrix_product, "ffn_up"},
    {"ffn_gate_par", Which::any, "ffn_glu"},
    {"ffn_swiglu", Which::any, "ffn_glu"},
    {"ffn_out", Which::not_matrix_product, "ffn_glu"},
    {"ffn_sub_out", Which::not_matrix_product, "ffn_glu"},
    {"ffn_sub_norm", Which::any, "ffn_sub_norm"},
    {"l_out", Which::any, "ffn_residual"},
    {"result_norm", Which::any, "output_norm"},
    {"result_output", Which::any, "logits"},
};

bool fits(Which which, const ggml_tensor& node) {
  switch (which) {
    case Which::any:
      return true;
    case Which::matrix_product:
      return node.op == GGML_OP_MUL_MAT;
    case Which::rotation:
      return node.op == GGML_OP_ROPE;
    case Which::not_matrix_product:
      return node.op != GGML_OP_MUL_MAT;
  }
  return false;
}

}  // namespace

Point point_of(const ggml_tensor& node) {
  std::string_view name(node.name, strnlen(node.name, sizeof(node.name)));
  int layer = -1;
  if (const auto dash = name.rfind('-'); dash != std::string_view::npos && dash + 1 < name.size()) {
    layer = std::atoi(node.name + dash + 1);
    name = name.substr(0, dash);
  }
  for (const Row& row : kRows) {
    if (row.node == name && fits(row.which, node)) return {std::string(row.point), layer};
  }
  return {};
}

}  // namespace bh::adapter
