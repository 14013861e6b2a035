// The whole way of a prompt through a subject, timed: tokenize, prefill, decode, detokenize.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/runtime/generate.h"
#include "harness/core/result.h"
#include "harness/core/subject.h"
#include "suites/acceptance/workbench.h"

namespace bh::suites::acceptance {

struct PipelineFacts {
  std::vector<engine::TokenId> prompt_ids;
  std::int64_t tokenize_ns = 0;
  std::int64_t detokenize_ns = 0;
  std::string prompt_again;  ///< the prompt's ids turned back into text
  std::string detokenized;   ///< the generated ids turned back into text
  engine::Generation generation;
};

/// Greedy, from the first prompt of the criteria, parameters "ac3".
PipelineFacts run_pipeline(harness::Subject& subject, Workbench& bench);

/// Every metric of the pipeline, in the words that criteria.json bounds.
void add_metrics(harness::Result& result, const PipelineFacts& facts, std::int64_t open_ns);

/// "real" or "mock", as receipts write it.
std::string compute_path(const harness::SubjectInfo& info);

/// Throws Error(usage) where the options ask for a mock without permitting it, or both for and against one.
void check_mock_permission(std::string_view subject, bool allow_mock, bool real_model);
/// Whether check_mock_permission() refuses an unpermitted mock: asked by the case that reports it.
bool mock_needs_permission();

}  // namespace bh::suites::acceptance
