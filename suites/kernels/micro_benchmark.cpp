#include "suites/kernels/micro_benchmark.h"

#include <benchmark/benchmark.h>

#include "engine/base/error.h"

namespace bh::suites::kernels {
namespace {

/// Keeps the raw repetitions and prints nothing.
class Collector final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration || run.iterations <= 0) continue;
      seconds_.push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
    }
  }
  std::vector<double> take() { return std::move(seconds_); }

 private:
  std::vector<double> seconds_;
};

}  // namespace

std::vector<double> time_calls(const std::string& name, double min_seconds, int repetitions,
                               const std::function<void()>& body) {
  benchmark::ClearRegisteredBenchmarks();
  benchmark::RegisterBenchmark(name.c_str(),
                               [&body](benchmark::State& state) {
                                 for (auto _ : state) {
                                   body();
                                   benchmark::ClobberMemory();
                                 }
                               })
      ->MinTime(min_seconds)
      ->Repetitions(repetitions)
      ->UseRealTime();
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector, nullptr, ".");
  benchmark::ClearRegisteredBenchmarks();
  std::vector<double> seconds = collector.take();
  if (seconds.size() != static_cast<std::size_t>(repetitions)) {
    fail(ErrorKind::internal, "{}: {} of {} repetitions came back from the benchmark library", name, seconds.size(),
         repetitions);
  }
  return seconds;
}

}  // namespace bh::suites::kernels
