// The micro-benchmarks' own parts: every kernel of the table has a workload, equal kernels are told from others, and
// the FP32 product that ternary ones are held against is right.
#include "suites/kernels/kernels.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

#include "engine/base/host.h"
#include "harness/measure/clock.h"
#include "suites/kernels/fp32_gemm.h"
#include "suites/kernels/micro_benchmark.h"
#include "suites/kernels/workloads.h"
#include "tests/support/catch.h"
#include "tests/support/sanitized.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::suites::kernels;

TEST_CASE("every row of the kernel table is measured on something, and equals the scalar row there") {
  for (const engine::KernelInfo& kernel : engine::cpu_kernels()) {
    CAPTURE(kernel.name);
    const auto list = workloads_of(kernel.op);
    REQUIRE_FALSE(list.empty());
    std::set<std::string> names;
    for (const Workload& workload : list) CHECK(names.insert(workload.name).second);
    if (!kernel.why_unusable.empty()) continue;
    for (const Workload& workload : list) {
      CAPTURE(workload.name);
      const std::string untouched = workload.output();
      workload.run(engine::bind_kernels("scalar"));
      const std::string expected = workload.output();
      CHECK(expected != untouched);
      workload.forget();
      CHECK(workload.output() != expected);
      workload.run(engine::bind_kernels(kernel.name));
      CHECK(workload.output() == expected);
    }
  }
}

TEST_CASE("the FP32 product is a matrix product on every instruction set") {
  const std::int64_t rows = 2 * kGemmRows, cols = 300, tokens = 2 * kGemmTokens;
  std::vector<float> panels(static_cast<std::size_t>(rows * cols)), x(static_cast<std::size_t>(tokens * cols));
  for (std::size_t i = 0; i < panels.size(); ++i) panels[i] = static_cast<float>(i % 11) - 5.0f;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 7) - 3.0f;
  std::vector<GemmKernel> kernels = {gemm_portable};
#if defined(__x86_64__)
  if (host_facts().features.avx2) kernels.push_back(gemm_avx2);
  if (host_facts().features.avx512_vnni) kernels.push_back(gemm_avx512);
#endif
  for (const GemmKernel kernel : kernels) {
    std::vector<float> y(static_cast<std::size_t>(tokens * rows), std::nanf(""));
    kernel({panels.data(), rows, cols, x.data(), tokens, y.data()});
    for (std::int64_t token = 0; token < tokens; ++token) {
      for (std::int64_t row = 0; row < rows; ++row) {
        double sum = 0;  // small integers: exact in any order
        for (std::int64_t k = 0; k < cols; ++k) {
          const std::int64_t at = (row / kGemmRows * cols + k) * kGemmRows + row % kGemmRows;
          sum += static_cast<double>(panels[static_cast<std::size_t>(at)]) *
                 static_cast<double>(x[static_cast<std::size_t>(token * cols + k)]);
        }
        REQUIRE(static_cast<double>(y[static_cast<std::size_t>(token * rows + row)]) == sum);
      }
    }
  }
}

TEST_CASE("the benchmark library gives back every repetition, and longer work takes longer") {
  volatile std::uint64_t sink = 0;
  const auto work = [&](int count) {
    return [&sink, count] {
      for (int i = 0; i < count; ++i) sink = sink + 1;
    };
  };
  const auto quick = time_calls("quick", 0.002, 3, work(100)), slow = time_calls("slow", 0.002, 3, work(10000));
  REQUIRE(quick.size() == 3);
  REQUIRE(slow.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(quick[i] > 0);
    CHECK(slow[i] > 5 * quick[i]);
  }
}

TEST_CASE("the kernel suite lists a case for each row and workload, unusable ones included") {
  const auto options = harness::Options::of(option_rows());
  const auto suite = make({&options, {}, harness::system_clock(), {}, {}});
  const auto cases = suite->expand();
  std::set<std::string> ids;
  for (const auto& item : cases) CHECK(ids.insert(item.id).second);
  for (const engine::KernelInfo& kernel : engine::cpu_kernels()) {
    for (const Workload& workload : workloads_of(kernel.op)) {
      CHECK(ids.count("kernels/row/" + kernel.name + "/" + workload.name) == 1);
    }
  }
  CHECK(ids.count("kernels/criteria/avx2-over-scalar") == 1);
  CHECK_FALSE(suite->expectations().empty());
}

TEST_CASE("a measured row tells its speed per second and per cycle of the same clock") {
  const test::TempFolder folder;
  const std::string criteria = (folder / "criteria.json").string();
  std::ofstream(criteria) << R"({"schema": "bitharness.criteria/1", "bounds": {}, "profiles": [
    {"name": "default", "summary": "quick", "match": {}, "required": []}],
    "parameters": {"sample": {"seconds": 0.001, "repetitions": 2}}})";
  const auto options = harness::Options::of(option_rows(), {{"criteria", criteria}});
  const auto suite = make({&options, {}, harness::system_clock(), {}, {}});
  const auto cases = suite->expand();
  const auto row = std::find_if(cases.begin(), cases.end(), [](const harness::Case& item) {
    return item.id.find("kernels/row/float.scalar/") == 0;
  });
  REQUIRE(row != cases.end());
  const harness::Result result = suite->run(*row);
  if (test::kSanitized) return;
  const auto value = [&](std::string_view name) {
    const auto metric = std::find_if(result.metrics.begin(), result.metrics.end(),
                                     [&](const harness::Metric& item) { return item.name == name; });
    REQUIRE(metric != result.metrics.end());
    return metric->value.value();
  };
  CHECK(value("equals_scalar") == 1);
  CHECK(value("bytes_per_cycle") == Approx(value("kernel_bytes_per_second") / value("core_clock")));
  CHECK(value("work_per_cycle") == Approx(value("work_per_second") / value("core_clock")));
}
