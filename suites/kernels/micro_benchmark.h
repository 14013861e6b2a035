// Google Benchmark behind one function: its loop and its choice of iterations; its registry, reporters, output and exit
// status stay inside micro_benchmark.cpp.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace bh::suites::kernels {

/// Runs `body` often enough for `min_seconds`, `repetitions` times over; seconds per call of each repetition. Throws
/// Error(internal) where the library gives none back.
std::vector<double> time_calls(const std::string& name, double min_seconds, int repetitions,
                               const std::function<void()>& body);

}  // namespace bh::suites::kernels
