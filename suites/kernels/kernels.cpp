#include "suites/kernels/kernels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "engine/base/aligned_buffer.h"
#include "engine/base/error.h"
#include "engine/base/host.h"
#include "generated/bh_kernels.h"
#include "harness/core/statistics.h"
#include "harness/judge/criteria.h"
#include "harness/judge/machine.h"
#include "harness/measure/bandwidth.h"
#include "harness/measure/core_clock.h"
#include "harness/measure/environment.h"
#include "harness/measure/workload.h"
#include "suites/kernels/fp32_gemm.h"
#include "suites/kernels/micro_benchmark.h"
#include "suites/kernels/workloads.h"

namespace bh::suites::kernels {

using engine::KernelInfo;
using harness::Case;
using harness::Expectation;
using harness::OptionKind;
using harness::OptionRow;
using harness::Report;
using harness::Result;

namespace {

constexpr const char* kOverScalar = "kernels/criteria/avx2-over-scalar";
constexpr const char* kOverFp32 = "kernels/criteria/ternary-over-fp32";

constexpr std::int64_t kClockNs = 1'000'000;

constexpr std::array kOptions = {
    OptionRow{.name = "criteria",
              .kind = OptionKind::text,
              .value_name = "FILE",
              .help = "thresholds to use instead of the built-in criteria.json"},
};

void add_median(Result& result, const std::string& name, const std::string& unit, std::vector<double> samples) {
  const double value = harness::median(samples);
  harness::add_samples(result, name, value, unit, std::move(samples));
}

/// Whether two instruction sets make the same bytes of a workload: nothing is timed before it is known to be right.
bool same_output(const Workload& workload, const engine::BoundKernels& one, const engine::BoundKernels& other) {
  workload.run(one);
  const std::string expected = workload.output();
  workload.forget();
  workload.run(other);
  return workload.output() == expected;
}

struct Fp32Gemm {
  const char* name;
  GemmKernel run;
};

/// The widest that this machine runs.
Fp32Gemm best_fp32_gemm() {
#if defined(__x86_64__)
  if (host_facts().features.avx512_vnni) return {"blocked, AVX-512", gemm_avx512};
  if (host_facts().features.avx2) return {"blocked, AVX2", gemm_avx2};
#endif
  return {"blocked, 128-bit vectors", gemm_portable};
}

/// Whether a product of small integers is exact, as it is in any order of additions, at some of its values.
bool is_exact(const GemmTask& task) {
  constexpr std::int64_t kEvery = 997;
  for (std::int64_t at = 0; at < task.tokens * task.rows; at += kEvery) {
    const std::int64_t row = at % task.rows;
    const float* const weights = task.panels + row / kGemmRows * kGemmRows * task.cols + row % kGemmRows;
    const float* const x = task.x + at / task.rows * task.cols;
    double sum = 0;
    for (std::int64_t k = 0; k < task.cols; ++k) sum += static_cast<double>(weights[k * kGemmRows]) * x[k];
    if (!(task.y[at] == sum)) return false;
  }
  return true;
}

class KernelSuite final : public harness::Suite {
 public:
  explicit KernelSuite(const harness::SuiteContext& context)
      : context_(context),
        criteria_(harness::Criteria::read(embedded::kernels::criteria_json(), *context.options, "kernels")) {}

  std::vector<Case> expand() override;
  std::vector<Expectation> expectations() override;
  Result run(const Case& item) override;
  void describe(Report& report) override;

 private:
  struct Row {
    KernelInfo kernel;
    std::string workload;
  };

  double number(std::string_view name) const { return criteria_.number(criteria_.named("default"), "sample", name); }
  std::vector<double> seconds_of(const std::string& name, const std::function<void()>& body) const {
    return time_calls(name, number("seconds"), static_cast<int>(number("repetitions")), body);
  }
  const std::vector<Workload>& workloads(const std::string& op);
  Result measure(const Row& row);
  Result ratio(const std::string& what, bool right, const std::vector<double>& ours,
               const std::vector<double>& theirs) const;
  Result over_scalar();
  Result over_fp32();

  const harness::SuiteContext context_;
  harness::Criteria criteria_;
  std::map<std::string, Row> rows_;
  std::vector<std::string> ids_;
  std::map<std::string, std::vector<Workload>> workloads_;  ///< by op
};

const std::vector<Workload>& KernelSuite::workloads(const std::string& op) {
  const auto known = workloads_.find(op);
  return known != workloads_.end() ? known->second : workloads_.emplace(op, workloads_of(op)).first->second;
}

std::vector<Case> KernelSuite::expand() {
  std::vector<Case> cases;
  for (const KernelInfo& kernel : engine::cpu_kernels()) {
    for (const Workload& workload : workloads(kernel.op)) {
      Case item;
      item.id = fmt::format("kernels/row/{}/{}", kernel.name, workload.name);
      item.title = fmt::format("{} on {}", kernel.name, workload.name);
      item.params = {{"kernel", kernel.name}, {"op", kernel.op}, {"isa", kernel.isa}, {"workload", workload.name}};
      rows_[item.id] = {kernel, workload.name};
      cases.push_back(std::move(item));
    }
  }
  cases.push_back({kOverScalar, "a ternary product with AVX2 against the scalar one", {}, ""});
  cases.push_back({kOverFp32, "a ternary product against a blocked FP32 one", {}, ""});
  for (const Case& item : cases) ids_.push_back(item.id);
  return cases;
}

std::vector<Expectation> KernelSuite::expectations() {
  return criteria_.expectations(criteria_.named("default"), ids_);
}

Result KernelSuite::run(const Case& item) {
  if (const std::string why = harness::why_not_measured(); !why.empty()) return harness::skipped(why);
  if (item.id == kOverScalar) return over_scalar();
  if (item.id == kOverFp32) return over_fp32();
  return measure(rows_.at(item.id));
}

Result KernelSuite::measure(const Row& row) {
  if (!row.kernel.why_unusable.empty()) return harness::skipped(row.kernel.why_unusable);
  const auto& list = workloads(row.kernel.op);
  const auto workload =
      std::find_if(list.begin(), list.end(), [&](const Workload& w) { return w.name == row.workload; });
  const engine::BoundKernels scalar = engine::bind_kernels("scalar"), bound = engine::bind_kernels(row.kernel.name);
  Result result;
  harness::add(result, "equals_scalar", same_output(*workload, scalar, bound) ? 1 : 0);

  const std::vector<double> seconds = seconds_of(row.kernel.name + "/" + row.workload, [&] { workload->run(bound); });
  const double bytes_read = workload->bytes_read_by(bound);
  std::vector<double> call_ns, work, bytes;
  for (const double each : seconds) {
    call_ns.push_back(each * 1e9);
    work.push_back(workload->work / each);
    bytes.push_back(bytes_read / each);
  }
  const double cycles = harness::core_clock_hz(kClockNs, context_.clock);
  harness::BandwidthProbe probe(static_cast<std::uint64_t>(bytes_read), 1);
  const double roof = probe.sample(std::llround(number("seconds") * 1e9), context_.clock);
  add_median(result, "call_ns", "ns", call_ns);
  add_median(result, "work_per_second", workload->unit + "/s", work);
  add_median(result, "kernel_bytes_per_second", "bytes/s", bytes);
  if (cycles > 0) {
    harness::add(result, "core_clock", cycles, "Hz");
    harness::add(result, "work_per_cycle", harness::median(work) / cycles, workload->unit);
    harness::add(result, "bytes_per_cycle", harness::median(bytes) / cycles, "bytes");
  }
  harness::add(result, "probe_bytes_per_second", roof, "bytes/s");
  // The probe holds at least 1 MiB; a kernel that reads less than that works in the first caches.
  if (bytes_read >= static_cast<double>(probe.working_set_bytes()) * 0.9) {
    harness::add(result, "bandwidth_fraction", harness::median(bytes) / roof);
  } else {
    harness::add_missing(result, "bandwidth_fraction", "", "it reads less than the smallest probe");
  }
  harness::add(result, "relative_spread",
               1.4826 * harness::median_absolute_deviation(seconds) / harness::median(seconds));
  result.details["unit_of_work"] = workload->unit;
  return result;
}

/// Ratio of medians, with its interval: medians of each side over the other's far end. `right`: what both computed.
Result KernelSuite::ratio(const std::string& what, bool right, const std::vector<double>& ours,
                          const std::vector<double>& theirs) const {
  Result result;
  harness::add(result, "outputs_right", right ? 1 : 0);
  const auto a = harness::median_interval(ours), b = harness::median_interval(theirs);
  harness::add(result, "speed_ratio", harness::median(theirs) / harness::median(ours));
  harness::add(result, "speed_ratio_low", b.low / a.high);
  harness::add(result, "speed_ratio_high", b.high / a.low);
  harness::add_samples(result, "our_seconds", harness::median(ours), "s", ours);
  harness::add_samples(result, "their_seconds", harness::median(theirs), "s", theirs);
  result.details["compared"] = what;
  return result;
}

Result KernelSuite::over_scalar() {
  for (const KernelInfo& kernel : engine::cpu_kernels()) {
    if (kernel.isa != "avx2" || kernel.op != to_string(engine::Op::ternary_matmul)) continue;
    if (!kernel.why_unusable.empty()) return harness::skipped(kernel.why_unusable);
    const Workload& gemv = workloads(kernel.op).front();
    const engine::BoundKernels scalar = engine::bind_kernels("scalar"), bound = engine::bind_kernels(kernel.name);
    const bool equal = same_output(gemv, scalar, bound);
    const auto ours = seconds_of(kernel.name, [&] { gemv.run(bound); });
    const auto theirs = seconds_of("scalar", [&] { gemv.run(scalar); });
    return ratio(fmt::format("{} over i2_s.scalar on {}", kernel.name, gemv.name), equal, ours, theirs);
  }
  return harness::skipped("this build has no AVX2 kernels");
}

Result KernelSuite::over_fp32() {
  static_assert(kPrefillTokens % kGemmTokens == 0 && kPrefillRows % kGemmRows == 0);
  const Fp32Gemm fp32 = best_fp32_gemm();
  AlignedBuffer<float> weights(static_cast<std::size_t>(kPrefillRows * kPrefillCols));
  AlignedBuffer<float> x(static_cast<std::size_t>(kPrefillTokens * kPrefillCols));
  AlignedBuffer<float> y(static_cast<std::size_t>(kPrefillTokens * kPrefillRows));
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 7) - 3.0f;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 5) - 2.0f;
  const GemmTask task{weights.data(), kPrefillRows, kPrefillCols, x.data(), kPrefillTokens, y.data()};
  const engine::BoundKernels best = engine::bind_kernels();
  const Workload& gemm = workloads(std::string(to_string(engine::Op::ternary_matmul))).back();
  std::fill(y.span().begin(), y.span().end(), std::nanf(""));
  fp32.run(task);
  const bool right = is_exact(task) && same_output(gemm, engine::bind_kernels("scalar"), best);
  const auto ours = seconds_of(best.ternary_name, [&] { gemm.run(best); });
  const auto theirs = seconds_of("fp32", [&] { fp32.run(task); });
  Result result = ratio(fmt::format("{} over FP32 ({}) on {}, one thread", best.ternary_name, fp32.name, gemm.name),
                        right, ours, theirs);
  harness::add(result, "fp32_flops_per_second", 2 * gemm.work / harness::median(theirs), "FLOP/s");
  return result;
}

void KernelSuite::describe(Report& report) {
  const harness::Environment environment = harness::read_environment();
  report.subject = json::object{{"name", "engine"}, {"mock", false}, {"device", "cpu"}};
  report.notes["machine_class"] = harness::machine_class(environment);
  report.notes["threads"] = 1;
  report.notes["criteria_source"] = criteria_.source();
}

}  // namespace

std::span<const OptionRow> option_rows() noexcept { return kOptions; }

std::unique_ptr<harness::Suite> make(const harness::SuiteContext& context) {
  return std::make_unique<KernelSuite>(context);
}

}  // namespace bh::suites::kernels
