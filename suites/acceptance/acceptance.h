// `bitharness acceptance`: ten criteria about a model and this machine, each judged on its own evidence.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "harness/core/suite.h"

namespace bh::suites::acceptance {

class Workbench;

/// What a case judges: nothing of the run's own, the model's file, the answers of whatever is tested, or the inside of
/// our engine.
enum class Needs { nothing, file, subject, engine };

/// A row of the list of cases.
struct CaseRow {
  std::string_view id;  ///< "acceptance/ac5/hard-strings"
  std::string_view title;
  Needs needs;  ///< a mock run skips all but `nothing`, a run on another engine those that need ours
  harness::Result (*run)(Workbench& bench);
};

std::span<const CaseRow> case_rows() noexcept;
std::span<const harness::OptionRow> option_rows() noexcept;
std::unique_ptr<harness::Suite> make(const harness::SuiteContext& context);

}  // namespace bh::suites::acceptance
