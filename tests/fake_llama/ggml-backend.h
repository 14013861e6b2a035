// The few names of ggml-backend.h that the adapter uses, written for its tests.
#pragma once

#include <ggml.h>

extern "C" {
using ggml_backend_sched_eval_callback = bool (*)(ggml_tensor* tensor, bool ask, void* user_data);
void ggml_backend_tensor_get(const ggml_tensor* tensor, void* data, std::size_t offset, std::size_t size);
}
