// bitnet.cpp as a subject: through our adapter where one was built (scripts/build-adapter), else through its own
// llama-server, started here, which tells less.
#pragma once

#include <filesystem>
#include <memory>

#include "harness/core/subject.h"

namespace bh::suites {

/// What an address leads to.
struct ReferenceProgram {
  std::filesystem::path program;
  bool is_server = false;  ///< llama-server, for want of an adapter
};

/// `address` is the adapter itself, a llama-server, or a folder that holds one of them, itself or in build/bin; the
/// adapter first. Throws Error(setup) naming where it looked.
ReferenceProgram find_reference(const std::filesystem::path& address);

std::unique_ptr<harness::Subject> open_bitnet_cpp(const harness::SubjectSettings& settings);

}  // namespace bh::suites
