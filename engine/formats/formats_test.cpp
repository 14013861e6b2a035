#include "engine/formats/formats.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/float_types.h"
#include "tests/support/catch.h"

namespace {

using namespace bh::engine;

std::vector<float> random_values(std::size_t n, float size) {
  std::mt19937 random(7);
  std::vector<float> values(n);
  for (float& value : values) value = size * (static_cast<float>(random()) * 0x1p-31f - 1.0f);
  return values;
}

std::vector<std::byte> encoded(const WeightFormat& format, const std::vector<float>& values, std::int64_t rows,
                               std::int64_t cols) {
  std::vector<std::byte> bytes(format.byte_size(rows, cols).value());
  format.encode(values, rows, cols, bytes);
  return bytes;
}

std::vector<float> decoded(const WeightFormat& format, const std::vector<std::byte>& bytes, std::int64_t rows,
                           std::int64_t cols) {
  std::vector<float> values(static_cast<std::size_t>(rows * cols));
  for (std::int64_t r = 0; r < rows; ++r)
    format.decode_row(bytes, rows, cols, r,
                      std::span(values).subspan(static_cast<std::size_t>(r * cols), static_cast<std::size_t>(cols)));
  return values;
}

/// The levels' scale for 16 values as ggml's make_qx_quants(16, 32, x, L, 1, nullptr) finds it.
float ggml_scale(std::span<const float> x) {
  float max = 0;
  for (const float value : x)
    if (std::fabs(value) > std::fabs(max)) max = value;
  if (std::fabs(max) < 1e-15f) return 0;
  float scale = 0, best = 0;
  for (const int is : {0, -9, -8, -7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
    const float inverse = -(32.0f + 0.1f * static_cast<float>(is)) / max;
    float sum_xl = 0, sum_ll = 0;
    for (const float value : x) {
      const float level = std::clamp(std::nearbyint(inverse * value), -32.0f, 31.0f);
      sum_xl += value * value * value * level;
      sum_ll += value * value * level * level;
    }
    if (sum_ll > 0 && (is == 0 || sum_xl * sum_xl > best * sum_ll)) {
      scale = sum_xl / sum_ll;
      best = scale * sum_xl;
    }
  }
  return scale;
}

/// A block as ggml's quantize_row_q6_K_ref makes it.
std::vector<std::byte> ggml_q6_k(std::span<const float> x) {
  std::vector<std::byte> bytes(210);
  float scales[16], max_scale = 0;
  for (std::size_t g = 0; g < 16; ++g) {
    scales[g] = ggml_scale(x.subspan(16 * g, 16));
    if (std::fabs(scales[g]) > std::fabs(max_scale)) max_scale = scales[g];
  }
  if (std::fabs(max_scale) < 1e-15f) return bytes;
  const float inverse = -128.0f / max_scale;
  const std::uint16_t d = bh::float_to_half(1.0f / inverse);
  std::memcpy(bytes.data() + 208, &d, sizeof d);
  for (std::size_t e = 0; e < 256; ++e) {
    const float scale = std::min(127.0f, std::nearbyint(inverse * scales[e / 16]));
    bytes[192 + e / 16] = static_cast<std::byte>(static_cast<std::int8_t>(scale));
    const float step = bh::half_to_float(d) * scale;
    const float level = step == 0 ? 0.0f : std::clamp(std::nearbyint(x[e] / step), -32.0f, 31.0f);
    const auto q = static_cast<unsigned>(static_cast<int>(level) + 32);
    const std::size_t half = e / 128, quarter = e % 128 / 32, lane = e % 32;
    bytes[64 * half + 32 * (quarter % 2) + lane] |= static_cast<std::byte>((q & 15) << (quarter < 2 ? 0 : 4));
    bytes[128 + 32 * half + lane] |= static_cast<std::byte>((q >> 4) << (2 * quarter));
  }
  return bytes;
}

}  // namespace

TEST_CASE("every weight format is in the list under its id and describes itself") {
  std::uint32_t previous = 0;
  for (const WeightFormat& format : weight_formats()) {
    const auto id = static_cast<std::uint32_t>(format.type);
    REQUIRE(id >= previous);
    previous = id;
    REQUIRE(find_weight_format(id) == &format);
    REQUIRE(&weight_format(format.type) == &format);
    REQUIRE(describe_type_id(id).find(format.name) == 0);
  }
  for (const auto type :
       {TensorType::f32, TensorType::f16, TensorType::q8_0, TensorType::q6_k, TensorType::bf16, TensorType::i2_s})
    REQUIRE(find_weight_format(static_cast<std::uint32_t>(type)) != nullptr);
  REQUIRE(find_weight_format(2) == nullptr);
}

TEST_CASE("type ids are described by name and by the fork that defines them") {
  REQUIRE(describe_type_id(2) == "Q4_0 (ggml)");
  REQUIRE(describe_type_id(4).find("removed from ggml") != std::string::npos);
  REQUIRE(describe_type_id(35) == "TQ2_0 (llama.cpp and bitnet.cpp)");
  REQUIRE(describe_type_id(36).find("bitnet.cpp") != std::string::npos);
  REQUIRE(describe_type_id(39).find("MXFP4") != std::string::npos);
  REQUIRE(describe_type_id(39).find("TL2") != std::string::npos);
  REQUIRE(describe_type_id(135) == "IQ2_BN (ik_llama.cpp)");
  REQUIRE(describe_type_id(335) == "IQ2_BN_R4 (ik_llama.cpp)");
  REQUIRE(describe_type_id(40).find("unknown") == 0);
  REQUIRE(describe_type_id(0xffffffffu).find("unknown") == 0);
}

TEST_CASE("every format knows its size and refuses shapes it cannot hold") {
  REQUIRE(weight_format(TensorType::f32).byte_size(3, 5) == 60u);
  REQUIRE(weight_format(TensorType::f16).byte_size(128256, 2560) == 656670720u);
  REQUIRE(weight_format(TensorType::q8_0).byte_size(2, 64) == 4u * 34);
  REQUIRE(weight_format(TensorType::q6_k).byte_size(2, 512) == 4u * 210);
  for (const WeightFormat& format : weight_formats()) {
    REQUIRE(!format.byte_size(0, 256));
    REQUIRE(!format.byte_size(-1, 256));
    REQUIRE(!format.byte_size(256, -256));
    REQUIRE(!format.byte_size(std::int64_t{1} << 40, std::int64_t{1} << 40));
    if (format.block_cols > 1) REQUIRE(!format.byte_size(256, format.block_cols + 1));
  }
}

TEST_CASE("float formats keep what they can hold to the bit") {
  const std::vector<float> exact = {0.0f, -0.0f, 1.0f, -2.5f, 0.125f, 96.0f};
  for (const auto type : {TensorType::f32, TensorType::f16, TensorType::bf16}) {
    const WeightFormat& format = weight_format(type);
    const auto back = decoded(format, encoded(format, exact, 2, 3), 2, 3);
    REQUIRE(std::memcmp(back.data(), exact.data(), exact.size() * sizeof(float)) == 0);
  }
  const auto values = random_values(64, 3.0f);
  REQUIRE(decoded(weight_format(TensorType::f32), encoded(weight_format(TensorType::f32), values, 2, 32), 2, 32) ==
          values);
  const auto halves =
      decoded(weight_format(TensorType::f16), encoded(weight_format(TensorType::f16), values, 2, 32), 2, 32);
  for (std::size_t i = 0; i < values.size(); ++i) REQUIRE(halves[i] == bh::half_to_float(bh::float_to_half(values[i])));
}

TEST_CASE("values that do not fit a format are refused") {
  std::vector<float> values(256, 1.0f);
  values[255] = 1e6f;
  std::vector<std::byte> bytes(4096);
  REQUIRE_THROWS_WITH(weight_format(TensorType::f16).encode(values, 2, 128, bytes),
                      "1000000 at row 1, column 127 is too large for F16");
  values[255] = std::numeric_limits<float>::max();
  REQUIRE_THROWS_AS(weight_format(TensorType::bf16).encode(values, 1, 256, bytes), bh::Error);
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf(""), 1e30f}) {
    values[255] = bad;
    REQUIRE_THROWS_AS(weight_format(TensorType::q8_0).encode(values, 1, 256, bytes), bh::Error);
    REQUIRE_THROWS_AS(weight_format(TensorType::q6_k).encode(values, 1, 256, bytes), bh::Error);
  }
}

TEST_CASE("Q8_0 decodes to scale times byte") {
  const WeightFormat& format = weight_format(TensorType::q8_0);
  std::vector<std::byte> bytes(34);
  const std::uint16_t d = 0x3800;  // 0.5
  std::memcpy(bytes.data(), &d, 2);
  for (int i = 0; i < 32; ++i) bytes[static_cast<std::size_t>(i) + 2] = static_cast<std::byte>(i * 8 - 128);
  const auto values = decoded(format, bytes, 1, 32);
  for (int i = 0; i < 32; ++i) REQUIRE(values[static_cast<std::size_t>(i)] == 0.5f * static_cast<float>(i * 8 - 128));
}

TEST_CASE("Q8_0 rounds half away from zero with the reciprocal of the f32 scale") {
  std::vector<float> values(32);
  values[0] = 127.0f;  // scale 1
  values[1] = 0.5f;
  values[2] = -1.5f;
  values[3] = 2.4999f;
  const auto back =
      decoded(weight_format(TensorType::q8_0), encoded(weight_format(TensorType::q8_0), values, 1, 32), 1, 32);
  REQUIRE(back[0] == 127.0f);
  REQUIRE(back[1] == 1.0f);
  REQUIRE(back[2] == -2.0f);
  REQUIRE(back[3] == 2.0f);
}

TEST_CASE("a Q8_0 block whose scale has no finite inverse is stored as zeros") {
  const WeightFormat& format = weight_format(TensorType::q8_0);
  for (const float size : {0.0f, std::numeric_limits<float>::denorm_min(), 3e-37f, 1e-30f, 127 * 0x1p-24f}) {
    CAPTURE(size);
    std::vector<float> values(32);
    values[1] = size;
    values[2] = -size / 2;
    const auto bytes = encoded(format, values, 1, 32);
    const bool stored = size >= 1e-30f;
    REQUIRE(std::to_integer<int>(bytes[2]) == 0);
    REQUIRE(std::to_integer<int>(bytes[3]) == (stored ? 127 : 0));
    REQUIRE(std::to_integer<std::int8_t>(bytes[4]) == (stored ? -64 : 0));
  }
}

TEST_CASE("Q6_K decodes each element from its nibble, its bit pair and its scale") {
  // An independent statement of the layout: ggml's dequantize_row_q6_K, walking the block as that loop does.
  std::mt19937 random(11);
  std::vector<std::byte> bytes(210);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  const std::uint16_t d_bits = 0x2e66;
  std::memcpy(bytes.data() + 208, &d_bits, 2);
  const auto at = [&](std::size_t i) { return std::to_integer<int>(bytes[i]); };
  const float d = bh::half_to_float(d_bits);
  std::vector<float> expected(256);
  for (std::size_t n = 0; n < 2; ++n) {
    const std::size_t ql = 64 * n, qh = 128 + 32 * n, sc = 192 + 8 * n;
    for (std::size_t l = 0; l < 32; ++l) {
      const int q[4] = {((at(ql + l) & 0xf) | (((at(qh + l) >> 0) & 3) << 4)) - 32,
                        ((at(ql + l + 32) & 0xf) | (((at(qh + l) >> 2) & 3) << 4)) - 32,
                        ((at(ql + l) >> 4) | (((at(qh + l) >> 4) & 3) << 4)) - 32,
                        ((at(ql + l + 32) >> 4) | (((at(qh + l) >> 6) & 3) << 4)) - 32};
      for (std::size_t g = 0; g < 4; ++g) {
        const auto scale = static_cast<std::int8_t>(at(sc + l / 16 + 2 * g));
        const float dl = d * static_cast<float>(scale);
        expected[128 * n + l + 32 * g] = dl * static_cast<float>(q[g]);
      }
    }
  }
  REQUIRE(decoded(weight_format(TensorType::q6_k), bytes, 1, 256) == expected);
}

TEST_CASE("quantized formats stay within half a step of what was encoded") {
  const auto values = random_values(4 * 512, 0.8f);
  const auto q8 =
      decoded(weight_format(TensorType::q8_0), encoded(weight_format(TensorType::q8_0), values, 4, 512), 4, 512);
  const auto q6 =
      decoded(weight_format(TensorType::q6_k), encoded(weight_format(TensorType::q6_k), values, 4, 512), 4, 512);
  for (std::size_t i = 0; i < values.size(); ++i) {
    REQUIRE(std::fabs(q8[i] - values[i]) <= 0.8f / 127 * 0.54f);  // half a step, and the scale rounded to f16
    REQUIRE(std::fabs(q6[i] - values[i]) <= 0.8f / 32 * 1.05f);   // the far side of the range is 31 steps, not 32
  }
  const std::vector<float> zeros(256);
  REQUIRE(decoded(weight_format(TensorType::q6_k), encoded(weight_format(TensorType::q6_k), zeros, 1, 256), 1, 256) ==
          zeros);
  REQUIRE(decoded(weight_format(TensorType::q8_0), encoded(weight_format(TensorType::q8_0), zeros, 1, 256), 1, 256) ==
          zeros);
}

TEST_CASE("no value lies farther from what was encoded than its block's rounding says, and that is near the truth") {
  std::mt19937 random(3);
  for (const auto type : {TensorType::q8_0, TensorType::q6_k}) {
    const WeightFormat& format = weight_format(type);
    for (const float size : {1e-7f, 1e-4f, 0.05f, 30.0f}) {
      CAPTURE(format.name, size);
      auto values = random_values(std::size_t{8} * 512, size);
      for (float& value : values)
        if (random() % 7 == 0) value *= 1e-3f;  // groups of different scales
      values[17] = -values[16];
      const auto bytes = encoded(format, values, 8, 512);
      const auto back = decoded(format, bytes, 8, 512);
      std::vector<float> rounding(512), reach = values;
      for (float& value : reach) value = std::fabs(value);
      double sum = 0, bound = 0;
      for (std::int64_t row = 0; row < 8; ++row) {
        format.rounding_row(bytes, 8, 512, row, std::span(reach).subspan(static_cast<std::size_t>(row) * 512, 512),
                            rounding);
        for (std::size_t i = 0; i < 512; ++i) {
          const std::size_t at = static_cast<std::size_t>(row) * 512 + i;
          REQUIRE(std::fabs(values[at] - back[at]) <= rounding[i]);
          sum += std::fabs(values[at] - back[at]);
          bound += rounding[i];
        }
      }
      // Values that are spread evenly are a quarter of a step off; only a scale below f16's normal range says more.
      if (size >= 0.05f) CHECK(bound < 4 * sum);
    }
  }
  for (const WeightFormat& format : weight_formats())
    CHECK((format.rounding_row != nullptr) == (format.block_cols > 1));
}

TEST_CASE("no value lies farther from what ggml encoded than its block's rounding says") {
  std::mt19937 random(11);
  const WeightFormat& format = weight_format(TensorType::q6_k);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<float> values(256), rounding(256), reach(256);
    for (std::size_t group = 0; group < 16; ++group) {
      const float size = std::ldexp(0.1f, -static_cast<int>(random() % 12));
      std::normal_distribution<float> spread(0.0f, size);
      const bool even = random() % 2 == 0;
      for (std::size_t i = 16 * group; i < 16 * (group + 1); ++i)
        values[i] = even ? size * (static_cast<float>(random()) * 0x1p-31f - 1.0f) : spread(random);
      if (random() % 3 == 0) values[16 * group] = -values[16 * group + 1];
    }
    const auto bytes = ggml_q6_k(values);
    const auto back = decoded(format, bytes, 1, 256);
    for (std::size_t i = 0; i < 256; ++i) reach[i] = std::fabs(values[i]);
    format.rounding_row(bytes, 1, 256, 0, reach, rounding);
    for (std::size_t i = 0; i < 256; ++i) {
      if (std::fabs(values[i] - back[i]) <= rounding[i]) continue;
      CAPTURE(trial, i, values[i], back[i], rounding[i]);
      FAIL("farther off");
    }
  }
}

TEST_CASE("a block's scale is believed only as far as the values can have given it") {
  for (const auto type : {TensorType::q8_0, TensorType::q6_k}) {
    const WeightFormat& format = weight_format(type);
    CAPTURE(format.name);
    const auto values = random_values(256, 0.5f);
    std::vector<float> reach = values, honest(256), rounding(256);
    for (float& value : reach) value = std::fabs(value);
    auto bytes = encoded(format, values, 1, 256);
    format.rounding_row(bytes, 1, 256, 0, reach, honest);
    const std::size_t block = bytes.size() / static_cast<std::size_t>(256 / format.block_cols);
    const std::uint16_t huge = 0x7bff;  // 65504
    for (std::size_t at = type == TensorType::q8_0 ? 0 : block - 2; at < bytes.size(); at += block)
      std::memcpy(bytes.data() + at, &huge, sizeof huge);
    format.rounding_row(bytes, 1, 256, 0, reach, rounding);
    for (std::size_t i = 0; i < 256; ++i) REQUIRE(rounding[i] <= 1.2f * honest[i]);
  }
}

TEST_CASE("check finds values that are not finite in every format that can hold them") {
  std::vector<float> values(512, 1.0f);
  for (const auto type : {TensorType::f32, TensorType::f16, TensorType::bf16}) {
    const WeightFormat& format = weight_format(type);
    auto bytes = encoded(format, values, 2, 256);
    REQUIRE(format.check(bytes, 2, 256).empty());
    const std::size_t width = bytes.size() / 512;
    for (std::size_t i = 0; i < width; ++i) bytes[300 * width + i] = std::byte{0xff};  // NaN
    REQUIRE(format.check(bytes, 2, 256).find("at row 1, column 44") != std::string::npos);
  }
  for (const auto& [type, scale_at, row] : {std::tuple{TensorType::q8_0, std::size_t{34 * 9}, "row 1, column 32"},
                                            {TensorType::q6_k, std::size_t{418}, "row 1, column 0"}}) {
    const WeightFormat& format = weight_format(type);
    auto bytes = encoded(format, values, 2, 256);
    REQUIRE(format.check(bytes, 2, 256).empty());
    bytes[scale_at] = std::byte{0x00};
    bytes[scale_at + 1] = std::byte{0x7c};  // infinity
    REQUIRE(format.check(bytes, 2, 256).find(row) != std::string::npos);
  }
}
