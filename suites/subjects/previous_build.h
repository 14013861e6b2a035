// Another build of bitharness as a subject: an older one, or one made with another compiler.
#pragma once

#include <memory>

#include "harness/core/subject.h"

namespace bh::suites {

/// A bitharness binary at settings.address, run as `bitharness worker`. Throws SubjectError, wrong_version where it has
/// no such command.
std::unique_ptr<harness::Subject> open_previous_build(const harness::SubjectSettings& settings);

}  // namespace bh::suites
