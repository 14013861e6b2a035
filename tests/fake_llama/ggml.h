// The few names of ggml.h that the adapter uses, written for its tests.
#pragma once

#include <cstddef>
#include <cstdint>

enum ggml_type { GGML_TYPE_F32 = 0, GGML_TYPE_F16 = 1 };
enum ggml_op { GGML_OP_NONE, GGML_OP_MUL, GGML_OP_MUL_MAT, GGML_OP_ROPE };

struct ggml_tensor {
  ggml_type type;
  std::int64_t ne[4];
  ggml_op op;
  char name[64];
  const float* data;
};

extern "C" {
std::int64_t ggml_nelements(const ggml_tensor* tensor);
bool ggml_is_contiguous(const ggml_tensor* tensor);
}
