// The JSON of the core types, in one place: bitharness.run/1. Schema: reports/schema/run.schema.json.
#pragma once

#include <string_view>

#include "engine/base/json.h"
#include "harness/core/report.h"

namespace bh::harness {

json::object to_json(const Metric& metric);
json::object to_json(const Result& result);
json::object to_json(const Expectation& expectation);
json::object to_json(const Report& report);

/// Reads what to_json wrote. `what` names the document in the Error(setup) thrown on anything else.
Report report_from_json(const json::value& value, std::string_view what);

}  // namespace bh::harness
