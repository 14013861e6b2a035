// Lists of like objects in a result's details, or in a report's notes, are tables: this is how they are found.
#pragma once

#include <string>
#include <vector>

#include "engine/base/json.h"
#include "harness/core/report.h"

namespace bh::reports {

struct DetailTable {
  std::string title;  ///< the key it stands under
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};

/// Every member that is a list of objects with at least two plain members, which are the columns; but for the exhibits,
/// which are drawn.
std::vector<DetailTable> find_tables(const json::object& details);

/// Cases of one kind (ids alike in their first two components) with the same metrics, a row each: what a sweep over
/// prompts, tensors or lanes has found. Only kinds of two cases or more.
std::vector<DetailTable> find_case_tables(const harness::Report& report);

/// Members that are plain values, one level of objects deep ("model.layers"), as name and value.
std::vector<std::vector<std::string>> plain_members(const json::object& object);

/// A plain value as people write it: text without quotes, short numbers, "" for null.
std::string plain_text(const json::value& value);

}  // namespace bh::reports
