// The list of subjects: what a suite can test.
#pragma once

#include <span>
#include <string_view>

#include "harness/core/subject.h"

namespace bh::suites {

std::span<const harness::SubjectRow> subjects() noexcept;

/// Throws Error(usage) listing the names.
const harness::SubjectRow& find_subject(std::span<const harness::SubjectRow> rows, std::string_view name);

}  // namespace bh::suites
