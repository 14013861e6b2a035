// Promoting, reading and listing baselines; which machines may be compared.
#include "harness/judge/baseline.h"

#include <fstream>

#include "engine/base/error.h"
#include "harness/judge/machine.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::harness;

namespace {

Report green() {
  Report report;
  report.suite = "perf";
  report.started_at = report.finished_at = "2026-07-01T00:00:00.000Z";
  report.environment.architecture = "x86_64";
  report.environment.cpu_features = {"avx2", "avx512_vnni"};
  report.environment.usable_cores = 3;
  report.environment.host_name = "here";
  Result result;
  result.case_id = "perf/decode/m/cpu.avx2/t1/d0";
  add(result, "bandwidth_fraction", 0.8);
  report.results.push_back(result);
  report.cases.push_back({result.case_id, "", {}, "bitharness perf"});
  return report;
}

std::string refusal(const Report& report) {
  const test::TempFolder folder;
  try {
    promote(report, folder.path(), false);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::setup);
    CHECK(std::filesystem::is_empty(folder.path()));
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a green report is promoted under its machine class and read back whole") {
  const test::TempFolder folder;
  const auto path = promote(green(), folder.path(), false);
  CHECK(path == folder.path() / "x86_64-avx512_vnni-c2" / "perf.json");
  const Baseline baseline = read_baseline(path);
  CHECK(baseline.machine_class == "x86_64-avx512_vnni-c2");
  CHECK(*baseline.report.results.at(0).find_metric("bandwidth_fraction")->value == 0.8);
  std::ofstream(folder.path() / "x86_64-avx512_vnni-c2" / "notes.json") << "{}";
  const auto all = list_baselines(folder.path());
  REQUIRE(all.size() == 1);
  CHECK(all[0].source == path.string());
  CHECK(list_baselines(folder.path() / "nowhere").empty());
}

TEST_CASE("what is not green is not promoted, unless someone insists") {
  Report report = green();
  report.results[0].verdict = Verdict::untrusted;
  report.results[0].reason = "noise";
  CHECK_THAT(refusal(report), Catch::Contains("untrusted: noise"));
  const test::TempFolder folder;
  CHECK(std::filesystem::exists(promote(report, folder.path(), true)));

  for (const Verdict verdict : {Verdict::failed, Verdict::regressed, Verdict::skipped, Verdict::errored}) {
    report.results[0].verdict = verdict;
    CHECK_FALSE(refusal(report).empty());
  }
  report.results[0].verdict = Verdict::warned;
  CHECK(refusal(report).empty());
  report.outcome = {3, {"something required did not run"}};
  CHECK_THAT(refusal(report), Catch::Contains("did not run"));
  Report nothing = green();
  nothing.results.clear();
  CHECK_THAT(refusal(nothing), Catch::Contains("nothing was measured"));
  Report mock = green();
  mock.subject["mock"] = true;
  CHECK_THAT(refusal(mock), Catch::Contains("mock"));
}

TEST_CASE("a missing baseline says how to make one") {
  CHECK_THROWS_WITH(read_baseline("/nowhere/perf.json"), Catch::Contains("--promote"));
}

TEST_CASE("a class is coarse, a fingerprint is not") {
  Environment a = green().environment, b = a;
  b.usable_cores = 2;
  b.host_name = "there";
  CHECK(machine_class(a) == machine_class(b));
  CHECK(machine_fingerprint(a) != machine_fingerprint(b));
  b.usable_cores = 4;
  CHECK(machine_class(b) == "x86_64-avx512_vnni-c4");
  b.cpu_features = {};
  CHECK(machine_class(b) == "x86_64-scalar-c4");
}
