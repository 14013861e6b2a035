// The models a perf run measures: files, the shipped one, and synthetic ones that are made once and kept in the user's
// cache.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "suites/perf/plan.h"

namespace bh::suites::perf {

/// "shipped", "synth:PRESET" or a path, read as far as its case ids and context need. Makes no synthetic model.
/// `cache_dir` empty = $HOME/.cache. Throws Error(usage), Error(setup).
PerfModel find_perf_model(const std::string& named, const std::filesystem::path& cache_dir);

/// Makes a synthetic model's file where it is missing: checked for space on the disk, whole or not at all. `progress`
/// may be empty.
void make_if_missing(const PerfModel& model, const std::function<void(std::string_view)>& progress);

}  // namespace bh::suites::perf
