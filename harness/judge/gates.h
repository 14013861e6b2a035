// The gates a receipt has to pass, each with its own verdict: eight about what computed it, the others about what it
// claims. A receipt comes from somebody else, so nothing about its shape is taken for granted.
#pragma once

#include <vector>

#include "engine/base/json.h"
#include "harness/core/check.h"

namespace bh::harness {

struct GateOptions {
  bool allow_corrections = false;
};

/// One check per gate, always all of them, in the order of the list in gates.cpp.
std::vector<Check> judge_receipt(const json::object& receipt, const GateOptions& options = {});

}  // namespace bh::harness
