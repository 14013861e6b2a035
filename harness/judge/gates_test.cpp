// Each gate closed by the one thing it is there for, and by nothing else.
#include "harness/judge/gates.h"

#include <functional>
#include <set>

#include "engine/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/json_schema.h"
#include "tests/support/paths.h"
#include "tests/support/receipts.h"

using namespace bh;
using namespace bh::harness;

namespace {

json::object sound_receipt() {
  const Report report = test::report_with_receipt(std::string(64, 'c'), std::string(64, 'd'));
  return parse_json(make_receipt(report, std::string(64, 'e')), "receipt").as_object();
}

std::set<std::string> closed_gates(const json::object& receipt, const GateOptions& options = {}) {
  std::set<std::string> closed;
  for (const Check& check : judge_receipt(receipt, options)) {
    CHECK_FALSE(check.message.empty());
    if (check.verdict == Verdict::failed) closed.insert(check.name);
  }
  return closed;
}

/// What a receipt with one change runs into.
std::set<std::string> after(const std::function<void(json::object&)>& change, const GateOptions& options = {}) {
  json::object receipt = sound_receipt();
  change(receipt);
  return closed_gates(receipt, options);
}

using Names = std::set<std::string>;

void set_kernels(json::object& receipt, const json::array& ids, std::uint64_t count = 76) {
  receipt["kernels"] = ids;
  json::object counts;
  for (const json::value& id : ids) counts[id.as_string()] = count;
  receipt["kernel_counts"] = counts;
}

}  // namespace

TEST_CASE("a sound receipt passes every gate, with a verdict for each") {
  const auto checks = judge_receipt(sound_receipt());
  CHECK(checks.size() == 14);
  CHECK(exit_code_of(checks) == ExitCode::ok);
  for (const Check& check : checks) {
    CAPTURE(check.name, check.message);
    CHECK(check.verdict == (check.name == "6 GPU kernels" ? Verdict::skipped : Verdict::passed));
  }
}

TEST_CASE("each gate is closed by what it is there for") {
  CHECK(after([](auto& r) { r["schema_version"] = "1.1.0"; }) == Names{"1 schema"});
  CHECK(after([](auto& r) { r["compute_path"] = "mock"; }) == Names{"2 compute path"});
  CHECK(after([](auto& r) { r["compute_path"] = "Real"; }) == Names{"2 compute path"});
  CHECK(after([](auto& r) { set_kernels(r, {}); }).count("3 kernels") == 1);
  CHECK(after([](auto& r) { r["kernels"].as_array().push_back(7); }) == Names{"4 kernel ids"});
  CHECK(after([](auto& r) { set_kernels(r, {"i2_s.avx2", " "}); }) == Names{"5 hygiene"});
  CHECK(after([](auto& r) { set_kernels(r, {"i2_s.avx2", ""}); }) == Names{"5 hygiene"});
  CHECK(after([](auto& r) {
          set_kernels(r, {"i2_s.avx2", json::string(std::string(129, 'k'))});
        }) == Names{"5 hygiene"});
  CHECK(after([](auto& r) { set_kernels(r, {"i2_s.avx2", json::string(std::string(128, 'k'))}); }).empty());
  CHECK(after([](auto& r) { r["backend"] = "cuda:sm_90"; }) == Names{"6 GPU kernels"});
  CHECK(after([](auto& r) {
          r["backend"] = "cuda";
          set_kernels(r, {"i2_s.cuda"});
        }).empty());
  CHECK(after([](auto& r) { r["backend"] = "abacus"; }) == Names{"7 quantized kernels"});
  CHECK(after([](auto& r) { set_kernels(r, {"i2_s.scalar", "f16.avx2"}); }) == Names{"7 quantized kernels"});
  CHECK(after([](auto& r) {
          set_kernels(r, {"i2_s.scalar", "f16.scalar"});
        }) == Names{"7 quantized kernels", "8 no fallback alone"});
  CHECK(after([](auto& r) { set_kernels(r, {"i2_s.avx2", "Mock_gemm"}); }) == Names{"no mock"});
  CHECK(after([](auto& r) { r["deterministic"] = false; }) == Names{"deterministic"});
  CHECK(after([](auto& r) { r["test_results"].as_object()["failed"] = 1; }) == Names{"no failure"});
  CHECK(after([](auto& r) { r["test_results"].as_object()["interrupted"] = 1; }) == Names{"no failure"});
  CHECK(after([](auto& r) { r["test_results"].as_object()["total"] = 0; }) == Names{"no failure"});
  CHECK(after([](auto& r) { r["corrections"].as_array().push_back("norms were rescaled"); }) ==
        Names{"no corrections"});
  CHECK(after([](auto& r) { r["corrections"].as_array().push_back("norms were rescaled"); }, {true}).empty());
  CHECK(after([](auto& r) { r["performance_baseline"].as_object()["bandwidth_fraction"] = 1.3; }) ==
        Names{"plausible bandwidth"});
  CHECK(after([](auto& r) { r["performance_baseline"].as_object()["bandwidth_fraction"] = nullptr; }).empty());
  CHECK(after([](auto& r) { r["kernel_counts"].as_object()["i2_s.avx2"] = 75; }) == Names{"counted work"});
  CHECK(after([](auto& r) { r["replay"].as_object()["generated_tokens"] = 5; }) == Names{"counted work"});
  CHECK(after([](auto& r) { r["kernel_counts"].as_object().erase("f16.avx2"); }) == Names{"counted work"});
}

TEST_CASE("a receipt that holds anything at all is judged, never believed and never fatal") {
  const json::object sound = sound_receipt();
  for (const auto& member : sound) {
    for (const json::value& other : {json::value(nullptr), json::value(-1), json::value("x"),
                                     json::value(json::array{1}), json::value(json::object{{"a", 1}})}) {
      json::object receipt = sound;
      receipt[member.key()] = other;
      CHECK(judge_receipt(receipt).size() == 14);
    }
  }
  CHECK(closed_gates({}).size() >= 8);
}

TEST_CASE("a receipt validates against its schema, which refuses what is not its own") {
  const test::JsonSchema schema(
      read_json_file(std::string(bh::test::kSourceDir) + "/reports/schema/receipt.schema.json"));
  json::value receipt = sound_receipt();
  CHECK(schema.fault(receipt).empty());
  receipt.as_object()["model_info"] = nullptr;
  CHECK(schema.fault(receipt).empty());
  receipt.as_object()["extra"] = true;
  CHECK(schema.fault(receipt) == "$: extra is not in the schema");
  receipt = sound_receipt();
  receipt.at("replay").as_object()["seed"] = 1;
  CHECK(schema.fault(receipt) == "$.replay: seed is not in the schema");
}
