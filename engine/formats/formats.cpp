#include "engine/formats/formats.h"

#include <array>

#include "engine/base/error.h"
#include "engine/formats/families.h"

namespace bh::engine {
namespace {

struct TypeName {
  std::uint32_t id;
  std::string_view words;
};

// Ids that files of this field carry, by the fork that defines them (ggml's ggml.h, microsoft/BitNet's and
// ik_llama.cpp's copies of it). 36 to 39 mean different things in different forks.
constexpr TypeName kTypeNames[] = {
    {0, "F32"},
    {1, "F16"},
    {2, "Q4_0 (ggml)"},
    {3, "Q4_1 (ggml)"},
    {4, "Q4_2, removed from ggml"},
    {5, "Q4_3, removed from ggml"},
    {6, "Q5_0 (ggml)"},
    {7, "Q5_1 (ggml)"},
    {8, "Q8_0"},
    {9, "Q8_1 (ggml)"},
    {10, "Q2_K (ggml)"},
    {11, "Q3_K (ggml)"},
    {12, "Q4_K (ggml)"},
    {13, "Q5_K (ggml)"},
    {14, "Q6_K"},
    {15, "Q8_K (ggml)"},
    {16, "IQ2_XXS (ggml)"},
    {17, "IQ2_XS (ggml)"},
    {18, "IQ3_XXS (ggml)"},
    {19, "IQ1_S (ggml)"},
    {20, "IQ4_NL (ggml)"},
    {21, "IQ3_S (ggml)"},
    {22, "IQ2_S (ggml)"},
    {23, "IQ4_XS (ggml)"},
    {24, "I8 (ggml)"},
    {25, "I16 (ggml)"},
    {26, "I32 (ggml)"},
    {27, "I64 (ggml)"},
    {28, "F64 (ggml)"},
    {29, "IQ1_M (ggml)"},
    {30, "BF16"},
    {31, "Q4_0_4_4 (bitnet.cpp and ik_llama.cpp), removed from llama.cpp"},
    {32, "Q4_0_4_8 (bitnet.cpp and ik_llama.cpp), removed from llama.cpp"},
    {33, "Q4_0_8_8 (bitnet.cpp and ik_llama.cpp), removed from llama.cpp"},
    {34, "TQ1_0 (llama.cpp and bitnet.cpp)"},
    {35, "TQ2_0 (llama.cpp and bitnet.cpp)"},
    {36, "I2_S (bitnet.cpp and ik_llama.cpp), removed from llama.cpp"},
    {37, "I8_S, an activation type (bitnet.cpp), removed from llama.cpp"},
    {38, "TL1 (bitnet.cpp for ARM), removed from llama.cpp"},
    {39, "TL2 (bitnet.cpp for x86) or MXFP4 (llama.cpp and ik_llama.cpp)"},
    {41, "Q1_0_G128 (ik_llama.cpp)"},
    {97, "Q8_0_X4, an activation type (ik_llama.cpp)"},
    {98, "Q8_1_X4, an activation type (ik_llama.cpp)"},
    {99, "Q8_2_X4, an activation type (ik_llama.cpp)"},
    {133, "Q6_0 (ik_llama.cpp)"},
    {134, "IQ1_BN (ik_llama.cpp)"},
    {135, "IQ2_BN (ik_llama.cpp)"},
    {136, "Q8_K64, an activation type (ik_llama.cpp)"},
    {147, "Q8_K16, an activation type (ik_llama.cpp)"},
    {148, "Q8_K32, an activation type (ik_llama.cpp)"},
    {335, "IQ2_BN_R4 (ik_llama.cpp)"},
};

}  // namespace

std::span<const WeightFormat> weight_formats() noexcept {
  static const std::array kFormats = {f32_format(),  f16_format(),  q8_0_format(),
                                      q6_k_format(), bf16_format(), i2_s_format()};
  return kFormats;
}

const WeightFormat* find_weight_format(std::uint32_t type_id) noexcept {
  for (const WeightFormat& format : weight_formats())
    if (static_cast<std::uint32_t>(format.type) == type_id) return &format;
  return nullptr;
}

const WeightFormat& weight_format(TensorType type) noexcept {
  return *find_weight_format(static_cast<std::uint32_t>(type));  // every enumerator is in the list (a test walks them)
}

std::string describe_type_id(std::uint32_t type_id) {
  for (const TypeName& row : kTypeNames)
    if (row.id == type_id) return std::string(row.words);
  return "unknown: neither llama.cpp, bitnet.cpp nor ik_llama.cpp defines it";
}

std::optional<std::uint64_t> block_byte_size(std::int64_t rows, std::int64_t cols, std::int64_t block_cols,
                                             std::int64_t block_bytes) noexcept {
  if (rows < 1 || cols < 1 || cols % block_cols != 0) return std::nullopt;
  std::int64_t elements = 0;
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(rows, cols, &elements)) return std::nullopt;
  if (__builtin_mul_overflow(elements / block_cols, block_bytes, &bytes)) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

std::string place_of(std::int64_t element, std::int64_t cols) {
  return fmt::format("row {}, column {}", element / cols, element % cols);
}

}  // namespace bh::engine
