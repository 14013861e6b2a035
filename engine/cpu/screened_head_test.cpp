// The screened head against the full one: the same best logits to the bit, on rows made to be hard to tell apart.
#include "engine/cpu/screened_head.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "engine/formats/formats.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::engine;

namespace {

struct Head {
  std::vector<std::byte> bytes;
  Matrix matrix;

  Head(TensorType type, std::int64_t rows, std::int64_t cols, const std::vector<float>& values) {
    matrix = {"output.weight", &weight_format(type), rows, cols, {}};
    bytes.resize(static_cast<std::size_t>(*matrix.format->byte_size(rows, cols)));
    matrix.format->encode(values, rows, cols, bytes);
    matrix.bytes = bytes;
  }

  std::vector<float> logits(const BoundKernels& kernels, const std::vector<float>& x) const {
    std::vector<float> y(static_cast<std::size_t>(matrix.rows));
    const auto row_bytes = static_cast<std::int64_t>(bytes.size()) / matrix.rows;
    dense_kernel(*kernels.dense, matrix.format->type)(
        {bytes.data(), row_bytes, matrix.rows, matrix.cols, x.data(), 0, 1, y.data(), matrix.rows});
    return y;
  }
};

std::vector<float> gaussian(std::int64_t n, unsigned seed, float spread = 1.0f) {
  std::mt19937 random(seed);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) {
    float sum = 0.0f;  // twelve uniform draws: the same on every platform
    for (int i = 0; i < 12; ++i) sum += static_cast<float>(random()) * 0x1p-32f;
    value = (sum - 6.0f) * spread;
  }
  return values;
}

std::vector<float> padded_input(std::int64_t cols, unsigned seed) {
  std::vector<float> x = gaussian(cols, seed, 3.0f);
  x.resize(static_cast<std::size_t>(round_up(cols, kPad)), 0.0f);
  return x;
}

ScreenedHead::Found find_best(ScreenedHead& screened, const std::vector<float>& x, std::int64_t count) {
  ScreenedHead::Found found;
  screened.best(x.data(), 0, count, {&found, 1});
  return found;
}

/// Checks the best 1, 5 and 40 on every instruction set; returns the rows multiplied in full for the best one.
std::int64_t check(const Head& head, const std::vector<float>& x) {
  const auto expected = best_of(head.logits(bind_kernels("scalar"), x), 40);
  std::int64_t rescored = -2;
  for (const KernelInfo& info : cpu_kernels()) {
    if (info.op != to_string(Op::head_screen) || !info.why_unusable.empty()) continue;
    const BoundKernels kernels = bind_kernels(info.isa);
    ThreadPool pool(2);
    ScreenedHead screened(head.matrix, kernels, pool);
    for (const std::int64_t count : {1, 5, 40}) {
      const auto [best, rows] = find_best(screened, x, count);
      INFO(info.name << ", best " << count);
      REQUIRE(rows >= 0);
      REQUIRE(best.size() == static_cast<std::size_t>(count));
      for (std::size_t i = 0; i < best.size(); ++i) {
        REQUIRE(best[i].id == expected[i].id);
        REQUIRE(std::memcmp(&best[i].logit, &expected[i].logit, sizeof(float)) == 0);
      }
      if (count == 1) {
        REQUIRE((rescored == -2 || rescored == rows));  // screening is integers: the same rows everywhere
        rescored = rows;
      }
    }
  }
  return rescored;
}

}  // namespace

TEST_CASE("a screened head finds the best logits of the full head in every format and odd shapes") {
  for (const TensorType type : {TensorType::f16, TensorType::bf16, TensorType::f32}) {
    for (const std::int64_t cols : {1, 63, 64, 100, 640}) {
      const std::int64_t rows = cols < 640 ? 1003 : 4003;
      const Head head(type, rows, cols, gaussian(rows * cols, static_cast<unsigned>(cols)));
      for (unsigned seed = 1; seed <= 3; ++seed) check(head, padded_input(cols, seed));
    }
  }
}

TEST_CASE("screening multiplies only a few rows of a head in full") {
  constexpr std::int64_t kRows = 20000, kCols = 256;
  const Head head(TensorType::f16, kRows, kCols, gaussian(kRows * kCols, 7));
  for (unsigned seed = 1; seed <= 5; ++seed) {
    const std::int64_t rescored = check(head, padded_input(kCols, seed));
    CHECK(rescored >= 1);
    CHECK(rescored <= 8);  // against a lower bound instead of a logit, the first input would leave 13
  }
}

TEST_CASE("near-duplicates and equal rows are told apart by their stored weights, ties by the lower id") {
  constexpr std::int64_t kRows = 5000, kCols = 320;
  std::vector<float> weights = gaussian(kRows * kCols, 11, 0.5f);
  const std::vector<float> x = padded_input(kCols, 12);
  // A hundred copies of one strong row, each moved by less than a step of its codes; every tenth an exact copy.
  for (std::int64_t copy = 0; copy < 100; ++copy) {
    float* row = weights.data() + (37 + 41 * copy) * kCols;
    for (std::int64_t i = 0; i < kCols; ++i) row[i] = x[static_cast<std::size_t>(i)] * 0.4f;
    if (copy % 10 != 0) row[copy] *= 1.0f + 0.002f * static_cast<float>(copy % 7);
  }
  const Head head(TensorType::f16, kRows, kCols, weights);
  CHECK(check(head, x) >= 100);
}

TEST_CASE("heavy tails, zero rows and tiny rows are bounded, too") {
  constexpr std::int64_t kRows = 4000, kCols = 192;
  std::vector<float> weights = gaussian(kRows * kCols, 21);
  for (std::int64_t row = 0; row < kRows; ++row) {
    float* first = weights.data() + row * kCols;
    if (row % 5 == 0) first[row % kCols] = 900.0f;  // one outlier makes all other codes coarse
    if (row % 97 == 3) std::fill_n(first, kCols, 0.0f);
    if (row % 101 == 5) {
      for (std::int64_t i = 0; i < kCols; ++i) first[i] *= 1e-41f;  // below the smallest normal number
    }
  }
  const Head head(TensorType::f32, kRows, kCols, weights);
  for (unsigned seed = 1; seed <= 3; ++seed) check(head, padded_input(kCols, seed));
  std::vector<float> negative = padded_input(kCols, 4);  // every logit below zero
  for (std::size_t i = 0; i < negative.size(); ++i) negative[i] = i % 2 ? 0.0f : 1e-30f;
  check(head, negative);
}

TEST_CASE("rows that are not finite are never screened away") {
  constexpr std::int64_t kRows = 2000, kCols = 128;
  std::vector<float> weights = gaussian(kRows * kCols, 31);
  weights[500 * kCols + 3] = std::numeric_limits<float>::infinity();
  weights[501 * kCols + 3] = std::numeric_limits<float>::quiet_NaN();
  const Head head(TensorType::f32, kRows, kCols, weights);
  std::vector<float> x = padded_input(kCols, 32);
  x[3] = 1.0f;
  CHECK(check(head, x) >= 3);  // with the best of the others
}

TEST_CASE("rows whose sums may overflow are multiplied in full") {
  constexpr std::int64_t kRows = 2000, kCols = 128;
  std::vector<float> weights = gaussian(kRows * kCols, 51);
  for (std::int64_t i = 0; i < kCols; ++i) weights[static_cast<std::size_t>(700 * kCols + i)] *= 1e38f;
  const Head head(TensorType::f32, kRows, kCols, weights);
  for (unsigned seed = 52; seed <= 56; ++seed) CHECK(check(head, padded_input(kCols, seed)) >= 2);
}

TEST_CASE("what screening cannot decide is left to the full head") {
  constexpr std::int64_t kRows = 1000, kCols = 64;
  const Head head(TensorType::f16, kRows, kCols, gaussian(kRows * kCols, 41));
  const BoundKernels kernels = bind_kernels("scalar");
  ThreadPool pool(1);
  ScreenedHead screened(head.matrix, kernels, pool);
  std::vector<float> x = padded_input(kCols, 42);
  x[5] = std::numeric_limits<float>::quiet_NaN();
  ScreenedHead::Found found{{{7, 7.0f}}, 3};
  screened.best(x.data(), 0, 1, {&found, 1});
  CHECK(found.rescored == -1);
  CHECK(found.best.front().id == 7);
  // An input of zeros: all rows are equal.
  CHECK(find_best(screened, std::vector<float>(kCols, 0.0f), 1).rescored == -1);
  CHECK(find_best(screened, padded_input(kCols, 43), kRows / 8).rescored >= kRows / 8);
  CHECK(find_best(screened, padded_input(kCols, 43), kRows / 8 + 1).rescored == -1);
  CHECK(find_best(screened, padded_input(kCols, 43), kRows + 1).rescored == -1);
}

TEST_CASE("with fewer finite logits than are asked for, screening decides nothing") {
  constexpr std::int64_t kRows = 64, kCols = 64;
  std::vector<float> weights = gaussian(kRows * kCols, 44);
  for (std::int64_t row = 0; row < kRows; ++row) {
    if (row % 20 != 7) weights[static_cast<std::size_t>(row * kCols)] = std::numeric_limits<float>::quiet_NaN();
  }
  const Head head(TensorType::f32, kRows, kCols, weights);
  const BoundKernels kernels = bind_kernels("scalar");
  ThreadPool pool(1);
  ScreenedHead screened(head.matrix, kernels, pool);
  CHECK(find_best(screened, padded_input(kCols, 45), 5).rescored == -1);
}

TEST_CASE("inputs screened together get what each gets alone, whatever the others are") {
  constexpr std::int64_t kRows = 1003, kCols = 100, kStride = 192;
  const Head head(TensorType::f16, kRows, kCols, gaussian(kRows * kCols, 61));
  for (const KernelInfo& info : cpu_kernels()) {
    if (info.op != to_string(Op::head_screen) || !info.why_unusable.empty()) continue;
    const BoundKernels kernels = bind_kernels(info.isa);
    ThreadPool pool(2);
    ScreenedHead screened(head.matrix, kernels, pool);
    for (const std::size_t inputs : {2, 3, 4, 5, 6, 7, 8, 11, 16, 17, 33}) {
      std::vector<float> x(inputs * kStride, 0.0f);
      std::vector<ScreenedHead::Found> expected;
      for (std::size_t i = 0; i < inputs; ++i) {
        std::vector<float> one = padded_input(kCols, static_cast<unsigned>(70 + i));
        if (i == 1) one[3] = std::numeric_limits<float>::infinity();  // left to the full head
        std::copy(one.begin(), one.end(), x.begin() + static_cast<std::ptrdiff_t>(i) * kStride);
        expected.push_back(find_best(screened, one, 5));
      }
      std::vector<ScreenedHead::Found> found(inputs);
      screened.best(x.data(), kStride, 5, found);
      for (std::size_t i = 0; i < inputs; ++i) {
        INFO(info.name << ", input " << i << " of " << inputs);
        REQUIRE(found[i].rescored == expected[i].rescored);
        REQUIRE((found[i].rescored < 0) == (i == 1));
        REQUIRE(found[i].best.size() == expected[i].best.size());
        for (std::size_t j = 0; j < found[i].best.size(); ++j) {
          REQUIRE(found[i].best[j].id == expected[i].best[j].id);
          REQUIRE(std::memcmp(&found[i].best[j].logit, &expected[i].best[j].logit, sizeof(float)) == 0);
        }
      }
    }
  }
}

TEST_CASE("few inputs go to the kernel for few, refused ones to none") {
  constexpr std::int64_t kRows = 1003, kCols = 64;
  const Head head(TensorType::f16, kRows, kCols, gaussian(kRows * kCols, 62));
  static int calls = 0;  // of the kernel for few
  const BoundKernels scalar = bind_kernels("scalar");
  ScreenKernels counting = *scalar.screen;
  counting.multiply = [](const ScreenTask& task) noexcept {
    ++calls;
    bind_kernels("scalar").screen->multiply(task);
  };
  BoundKernels kernels = scalar;
  kernels.screen_few = &counting;
  kernels.screen_least_tokens = 3;
  ThreadPool pool(1);
  ScreenedHead screened(head.matrix, kernels, pool);
  const auto best = [&](std::size_t inputs, std::size_t infinite) {
    std::vector<float> x;
    for (std::size_t i = 0; i < inputs; ++i) {
      std::vector<float> one = padded_input(kCols, static_cast<unsigned>(i));
      if (i == infinite) one[3] = std::numeric_limits<float>::infinity();
      x.insert(x.end(), one.begin(), one.end());
    }
    std::vector<ScreenedHead::Found> found(inputs);
    calls = 0;
    const auto [by_many, by_few] = screened.best(x.data(), kCols, 5, found);
    CHECK((calls > 0) == (by_few > 0));
    return std::pair{by_many, by_few};
  };
  using Pair = std::pair<std::int64_t, std::int64_t>;
  CHECK(best(1, 9) == Pair{0, 1});
  CHECK(best(2, 9) == Pair{0, 2});
  CHECK(best(3, 9) == Pair{3, 0});
  CHECK(best(3, 1) == Pair{0, 2});
  CHECK(best(17, 99) == Pair{16, 1});
  CHECK(best(17, 16) == Pair{16, 0});
  CHECK(best(19, 4) == Pair{18, 0});
  CHECK(best(34, 99) == Pair{32, 2});
}

TEST_CASE("the packed rows are reported once each, in whole rows") {
  constexpr std::int64_t kRows = 3001, kCols = 64;
  const Head head(TensorType::f16, kRows, kCols, gaussian(kRows * kCols, 81));
  const BoundKernels kernels = bind_kernels("scalar");
  ThreadPool pool(3);
  std::vector<std::atomic<int>> seen(kRows);
  const ScreenedHead screened(head.matrix, kernels, pool, [&](std::span<const std::byte> rows) {
    const std::ptrdiff_t first = rows.data() - head.matrix.bytes.data();
    for (std::size_t at = 0; at < rows.size(); at += 2 * kCols)
      ++seen[(static_cast<std::size_t>(first) + at) / (2 * kCols)];
  });
  CHECK(std::all_of(seen.begin(), seen.end(), [](const auto& count) { return count == 1; }));
}
