// Every document with a schema: valid as it is, invalid after any one of many small mutations.
#include <filesystem>

#include "engine/base/json.h"
#include "harness/core/report_json.h"
#include "reports/render.h"
#include "tests/support/catch.h"
#include "tests/support/json_schema.h"
#include "tests/support/made_reports.h"

using namespace bh;
using namespace bh::harness;
using namespace bh::reports;

namespace {

std::vector<json::value> documents(const std::string& schema) {
  std::vector<json::value> all;
  for (Report report : {test::report_with_every_verdict(), test::made_perf_report(), test::made_crossval_report()}) {
    report.results[0].violations = {{"mock", "cpu", "", "a mock ran"}};
    report.options = {{"threads", {"2"}, OptionSource::environment}};
    if (schema == "run.schema.json") {
      all.push_back(to_json(report));
    } else if (schema == "verdicts.schema.json") {
      all.push_back(parse_json(render_verdicts(report, {}), "verdicts"));
    } else {
      for (const Result& result : report.results) all.push_back(to_json(result));
    }
  }
  return all;
}

/// Calls `visit` for every object in a document that a schema describes; what suites put into their own is theirs.
template <class Visit>
void each_object(json::value& value, const std::string& at, const Visit& visit) {
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.get_array().size(); ++i) {
      each_object(value.get_array()[i], at + "[" + std::to_string(i) + "]", visit);
    }
  }
  if (!value.is_object()) return;
  visit(value.get_object(), at);
  for (auto& member : value.get_object()) {
    const std::string key(member.key());
    const bool free = key == "details" || key == "notes" || key == "subject" || key == "params" || key == "evidence";
    if (!free) each_object(member.value(), at + "." + key, visit);
  }
}

}  // namespace

TEST_CASE("every emitted document is valid, and no object of it may gain, lose or retype a member") {
  for (const char* name : {"run.schema.json", "verdicts.schema.json", "sample.schema.json"}) {
    const auto schema = test::JsonSchema::named(name);
    int mutations = 0;
    auto all = documents(name);
    for (const json::value& document : all) CHECK(schema.fault(document).empty());
    json::value& document = all.front();
    each_object(document, "$", [&](json::object& object, const std::string& at) {
      CAPTURE(name, at);
      const json::object whole = object;
      object["extra"] = 1;
      if (schema.fault(document).empty()) FAIL("may have members that the schema does not name");
      for (const auto& member : whole) {
        const std::string key(member.key());
        CAPTURE(key);
        object = whole;
        object.erase(key);
        if (schema.fault(document).empty()) FAIL("may be missing");
        object = whole;
        object[key] = json::array(1, json::value(json::array()));  // not {json::array{}}, which clang takes for a copy
        if (schema.fault(document).empty()) FAIL("may be of any type");
        mutations += 2;
      }
      object = whole;
    });
    CHECK(schema.fault(document).empty());
    CHECK(mutations > 20);
  }
}

TEST_CASE("every schema forbids what it does not name") {
  int schemas = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(bh::test::kSourceDir) + "/reports/schema")) {
    CAPTURE(entry.path().string());
    const json::value schema = read_json_file(entry.path().string());
    const bool refers = find(schema.as_object(), "$ref") != nullptr;
    CHECK((refers || schema.at("additionalProperties") == false));
    CHECK_FALSE(schema.at("title").as_string().empty());
    ++schemas;
  }
  CHECK(schemas >= 4);
}
