// The rows of the format list, one function per format, each in the file of its family. Only formats.cpp and the
// family files include this.
#pragma once

#include "engine/formats/formats.h"

namespace bh::engine {

WeightFormat f32_format() noexcept;
WeightFormat f16_format() noexcept;
WeightFormat bf16_format() noexcept;
WeightFormat q8_0_format() noexcept;
WeightFormat q6_k_format() noexcept;
WeightFormat i2_s_format() noexcept;

/// Bytes of rows * cols values stored as rows of `block_bytes` per `block_cols`; nullopt where that does not fit.
std::optional<std::uint64_t> block_byte_size(std::int64_t rows, std::int64_t cols, std::int64_t block_cols,
                                             std::int64_t block_bytes) noexcept;

/// "row 5, column 17" of a flat element index.
std::string place_of(std::int64_t element, std::int64_t cols);

}  // namespace bh::engine
