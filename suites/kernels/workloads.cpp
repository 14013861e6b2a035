#include "suites/kernels/workloads.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "engine/base/aligned_buffer.h"
#include "engine/base/float_types.h"
#include "engine/cpu/packed_ternary.h"

namespace bh::suites::kernels {

using namespace bh::engine;

namespace {

/// A stream of the same numbers in every run.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  std::uint32_t next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(state_ >> 32);
  }
  float value() { return static_cast<float>(next()) * 0x1p-31f - 1.0f; }

 private:
  std::uint64_t state_;
};

template <class T>
std::shared_ptr<AlignedBuffer<T>> buffer(std::int64_t size) {
  return std::make_shared<AlignedBuffer<T>>(static_cast<std::size_t>(size));
}

std::shared_ptr<AlignedBuffer<float>> values(std::int64_t size, std::uint64_t seed) {
  auto made = buffer<float>(size);
  Draw draw(seed);
  for (float& value : made->span()) value = draw.value();
  return made;
}

template <class T>
std::string bytes_of(const AlignedBuffer<T>& buffer) {
  return {reinterpret_cast<const char*>(buffer.data()), buffer.size() * sizeof(T)};
}

template <class T>
void forget(AlignedBuffer<T>& buffer) {
  std::memset(buffer.data(), 0x55, buffer.size() * sizeof(T));
}

Workload ternary(const std::string& name, std::int64_t rows, std::int64_t cols, std::int64_t tokens) {
  const std::int64_t groups = rows / kGroupRows, steps = round_up(cols, kStepCols) / kStepCols;
  const std::int64_t stride = round_up(cols, kPad);
  auto weights = buffer<std::uint8_t>(groups * steps * kStepBytes);
  const std::int64_t trit_steps = packed_steps(cols, TernaryLayout::trits);
  auto trits = buffer<std::uint8_t>(groups * trit_steps * kStepBytes);
  auto codes = buffer<std::int8_t>(tokens * stride + kPad);
  auto sums = buffer<std::int32_t>(groups * tokens * kGroupRows);
  Draw draw(1);
  for (std::uint8_t& byte : weights->span()) {
    const std::uint32_t bits = draw.next();
    for (int f = 0; f < 4; ++f) byte |= static_cast<std::uint8_t>((bits >> (8 * f)) % 3 << (2 * f));
  }
  for (std::int64_t group = 0; group < groups; ++group) {
    pack_trits(weights->data() + group * steps * kStepBytes, steps, trits->data() + group * trit_steps * kStepBytes);
  }
  for (std::int8_t& code : codes->span()) code = static_cast<std::int8_t>(static_cast<int>(draw.next() % 255) - 127);
  const auto work = static_cast<double>(rows) * static_cast<double>(cols) * static_cast<double>(tokens);
  return {name,
          "multiply-adds",
          work,
          static_cast<double>(weights->size()),
          [=](const BoundKernels& kernels) {
            const bool two_bits = kernels.layout == TernaryLayout::two_bits;
            kernels.ternary({.weights = (two_bits ? weights : trits)->data(),
                             .groups = groups,
                             .steps = two_bits ? steps : trit_steps,
                             .codes = codes->data(),
                             .code_stride = stride,
                             .tokens = tokens,
                             .sums = sums->data(),
                             .unpack_once = kernels.unpack_once});
          },
          [=] { return bytes_of(*sums); },
          [=] { forget(*sums); },
          static_cast<double>(trits->size())};
}

Workload dense(TensorType type, std::int64_t rows, std::int64_t cols, std::int64_t tokens) {
  const WeightFormat& format = weight_format(type);
  const auto size = static_cast<std::int64_t>(*format.byte_size(rows, cols));
  auto weights = buffer<std::byte>(size);
  const auto source = values(rows * cols, 2);
  format.encode({source->data(), source->size()}, rows, cols, weights->span());
  auto x = values(tokens * round_up(cols, kPad), 3);
  auto y = buffer<float>(tokens * rows);
  const std::string shape =
      tokens == 1 ? fmt::format("gemv-{}x{}", rows, cols) : fmt::format("gemm-{}x{}x{}", rows, cols, tokens);
  std::string name(format.name);
  std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  const auto work = static_cast<double>(rows) * static_cast<double>(cols) * static_cast<double>(tokens);
  return {name + "-" + shape,
          "multiply-adds",
          work,
          static_cast<double>(size),
          [=](const BoundKernels& kernels) {
            dense_kernel(*kernels.dense, type)(
                {weights->data(), size / rows, rows, cols, x->data(), round_up(cols, kPad), tokens, y->data(), rows});
          },
          [=] { return bytes_of(*y); },
          [=] { forget(*y); }};
}

Workload screen(std::int64_t rows, std::int64_t cols, std::int64_t tokens) {
  const std::int64_t groups = rows / kGroupRows, steps = cols / kScreenCols;
  auto codes = buffer<std::uint8_t>(groups * steps * kScreenStepBytes);
  auto planes = buffer<std::int8_t>(tokens * 2 * cols);
  auto sums = buffer<std::int32_t>(groups * tokens * 2 * kGroupRows);
  Draw draw(4);
  for (std::uint8_t& code : codes->span()) code = static_cast<std::uint8_t>(draw.next());
  for (std::size_t i = 0; i < planes->size(); ++i) {
    const bool high = i / static_cast<std::size_t>(cols) % 2 == 0;
    const int limit = high ? kScreenHigh : kScreenLow;
    (*planes)[i] =
        static_cast<std::int8_t>(static_cast<int>(draw.next() % static_cast<unsigned>(2 * limit + 1)) - limit);
  }
  return {tokens == 1 ? fmt::format("screen-{}x{}", rows, cols) : fmt::format("screen-{}x{}x{}", rows, cols, tokens),
          "multiply-adds",
          static_cast<double>(rows * cols * tokens),
          static_cast<double>(codes->size()),
          [=](const BoundKernels& kernels) {
            kernels.screen->multiply({codes->data(), groups, steps, planes->data(), tokens, sums->data()});
          },
          [=] { return bytes_of(*sums); },
          [=] { forget(*sums); }};
}

Workload rms_norm(std::int64_t n) {
  auto x = values(round_up(n, kPad), 5), weight = values(round_up(n, kPad), 6), y = buffer<float>(round_up(n, kPad));
  return {
      fmt::format("rms_norm-{}", n),
      "values",
      static_cast<double>(n),
      static_cast<double>(n) * 8,
      [=](const BoundKernels& kernels) { kernels.floats->rms_norm(x->data(), weight->data(), n, 1e-5f, y->data()); },
      [=] { return bytes_of(*y); },
      [=] { forget(*y); }};
}

Workload quantize(std::int64_t n) {
  auto x = values(round_up(n, kPad), 7);
  auto codes = buffer<std::int8_t>(round_up(n, kPad));
  auto scale = buffer<float>(1);
  auto sum = buffer<std::int32_t>(1);
  return {fmt::format("quantize-{}", n),
          "values",
          static_cast<double>(n),
          static_cast<double>(n) * 4,
          [=](const BoundKernels& kernels) {
            kernels.floats->quantize(x->data(), round_up(n, kPad), codes->data(), scale->data(), sum->data());
          },
          [=] { return bytes_of(*codes) + bytes_of(*scale) + bytes_of(*sum); },
          [=] {
            forget(*codes);
            forget(*scale);
            forget(*sum);
          }};
}

Workload squared_relu(std::int64_t n) {
  auto gate = values(round_up(n, kPad), 8), up = values(round_up(n, kPad), 9), z = buffer<float>(round_up(n, kPad));
  return {fmt::format("squared_relu_glu-{}", n),
          "values",
          static_cast<double>(n),
          static_cast<double>(n) * 8,
          [=](const BoundKernels& kernels) {
            kernels.floats->squared_relu_glu(gate->data(), up->data(), round_up(n, kPad), z->data());
          },
          [=] { return bytes_of(*z); },
          [=] { forget(*z); }};
}

/// A full block of positions for rows of the query heads that share a KV head, in f16 or as int8 codes with scales.
Workload attention(std::int64_t rows, std::int64_t heads, std::int64_t head_dim, bool int8) {
  const std::int64_t count = kAttentionBlock, out_stride = heads * head_dim + 2 * heads;
  auto q = values(rows * heads * head_dim, 10), key_scales = values(count, 12), value_scales = values(count, 13);
  auto keys = buffer<std::uint16_t>(count * head_dim), cached = buffer<std::uint16_t>(count * head_dim);
  Draw draw(11);
  for (auto* halves : {keys.get(), cached.get()}) {
    for (std::uint16_t& half : halves->span()) half = float_to_half(draw.value());  // any byte is a code, too
  }
  auto out = buffer<float>(rows * out_stride);
  const std::string together = rows > 1 ? fmt::format("{}x", rows) : "";
  return {fmt::format("attention{}-{}{}x{}x{}", int8 ? "-int8" : "", together, heads, head_dim, count),
          "multiply-adds",
          2.0 * static_cast<double>(rows * heads * head_dim * count),
          (int8 ? 2.0 : 4.0) * static_cast<double>(head_dim * count),
          [=](const BoundKernels& kernels) {
            float* max = out->data() + heads * head_dim;
            const auto kernel = int8 ? kernels.floats->attention_block_int8 : kernels.floats->attention_block;
            kernel({.q = q->data(),
                    .rows = rows,
                    .q_stride = heads * head_dim,
                    .heads = heads,
                    .head_dim = head_dim,
                    .keys = keys->data(),
                    .values = cached->data(),
                    .value_stride = head_dim,
                    .count = count,
                    .more = 0,
                    .scale = 0.088f,
                    .out = out->data(),
                    .max = max,
                    .sum = max + heads,
                    .out_stride = out_stride,
                    .key_scales = key_scales->data(),
                    .value_scales = value_scales->data()});
          },
          [=] { return bytes_of(*out); },
          [=] { forget(*out); }};
}

}  // namespace

std::vector<Workload> workloads_of(const std::string& op) {
  std::vector<Workload> list;
  if (op == to_string(Op::ternary_matmul)) {
    list.push_back(ternary("gemv-2560x6912", 2560, 6912, 1));
    list.push_back(ternary(fmt::format("gemm-{}x{}x{}", kPrefillRows, kPrefillCols, kPrefillTokens), kPrefillRows,
                           kPrefillCols, kPrefillTokens));
  } else if (op == to_string(Op::dense_matmul)) {
    for (const TensorType type :
         {TensorType::f32, TensorType::f16, TensorType::bf16, TensorType::q8_0, TensorType::q6_k}) {
      list.push_back(dense(type, 512, 2560, 1));
    }
    list.push_back(dense(TensorType::f16, 512, 2560, 16));
  } else if (op == to_string(Op::head_screen)) {
    list.push_back(screen(1024, 2560, 1));
    list.push_back(screen(1024, 2560, 16));
  } else if (op == to_string(Op::float_ops)) {
    list.push_back(rms_norm(2560));
    list.push_back(quantize(6912));
    list.push_back(squared_relu(6912));
    list.push_back(attention(1, 4, 128, false));
    list.push_back(attention(kAttentionRows, 4, 128, false));
    list.push_back(attention(1, 4, 128, true));
  }
  return list;
}

}  // namespace bh::suites::kernels
