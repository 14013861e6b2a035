// The place that a conversion writes to: what it may replace there, and how it does.
#pragma once

#include <filesystem>

#include "harness/cli/conversion.h"

namespace bh::harness {

/// Throws Error(usage) on what is in the way of a target and its report, and may or can not be replaced.
void check_target(const ConversionRequest& request);

/// By renaming, which needs no space; the report last. Weights that would stand beside the new ones go, nothing else.
void put_in_place(const std::filesystem::path& made, const std::filesystem::path& made_report,
                  const std::filesystem::path& target);

}  // namespace bh::harness
