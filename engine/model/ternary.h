// From the ternary weights of Hugging Face checkpoints to canonical I2_S.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "engine/base/aligned_buffer.h"
#include "engine/formats/formats.h"

namespace bh::engine {

/// Float master weights [rows, cols] of `format` (F32, F16 or BF16): codes are clamp(rne(w * s), -1, 1) with
/// s = 1 / max(mean|w|, 1e-5) in f32, the mean over the whole tensor summed in double, in index order. The stored scale
/// is 1 / s rounded to the weights' own type: transformers' WeightQuant computes exactly that tensor, since it casts
/// (w * s).round().clamp(-1, 1) / s back to the checkpoint's type; packed checkpoints and GGUF files made from them
/// carry that rounded scale too, so all three give the same matrix.
/// `name` is for messages. Throws Error(setup) on values that are not finite or a shape that I2_S cannot hold.
AlignedBuffer<std::byte> ternarise(const WeightFormat& format, std::span<const std::byte> bytes, std::int64_t rows,
                                   std::int64_t cols, const std::string& name);

/// Packed weights [rows / 4, cols] of bytes: bits 2i, 2i + 1 of byte [r, c] hold code w + 1 of row i * rows / 4 + r.
/// Throws Error(setup) on the illegal code 3, naming row and column.
AlignedBuffer<std::byte> unpack_ternary(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t cols,
                                        float scale, const std::string& name);

}  // namespace bh::engine
