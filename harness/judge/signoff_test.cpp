// What stages and waivers come to: one verdict, and nothing excused that should not be.
#include "harness/judge/signoff.h"

#include "engine/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/json_schema.h"

using namespace bh;
using namespace bh::harness;
using Catch::Contains;

namespace {

Stage stage(const std::string& name, Verdict verdict, int code, std::vector<std::string> blocking = {}) {
  Stage made;
  made.name = name;
  made.verdict = verdict;
  made.exit_code = code;
  if (verdict != Verdict::passed) made.reasons = {"because"};
  made.blocking = std::move(blocking);
  return made;
}

Signoff concluded(std::vector<Stage> stages, std::vector<Waiver> waivers = {}) {
  Signoff signoff;
  signoff.started_at = signoff.finished_at = "2026-01-02T03:04:05.678Z";
  signoff.bitharness_version = "0.1.0";
  signoff.stages = std::move(stages);
  signoff.waivers = std::move(waivers);
  conclude(signoff);
  return signoff;
}

json::value waiver_file(const std::string& expires) {
  return json::object{
      {"schema", "bitharness.waivers/1"},
      {"waivers", json::array{json::object{{"name", "perf"}, {"reason", "no machine"}, {"expires", expires}}}}};
}

std::string fault(const std::string& name, const json::value& document) {
  return test::JsonSchema(
             read_json_file(std::string(bh::test::kSourceDir) + "/reports/schema/" + name + ".schema.json"))
      .fault(document);
}

}  // namespace

TEST_CASE("sign-off is as good as its worst stage, and warnings do not block") {
  const Stage good = stage("a", Verdict::passed, 0);
  CHECK(concluded({good, stage("b", Verdict::warned, 0)}).exit_code == 0);
  CHECK(concluded({good, stage("b", Verdict::warned, 0)}).warnings.size() == 1);
  CHECK(concluded({good, stage("b", Verdict::untrusted, 3)}).exit_code == 3);
  CHECK(concluded({stage("a", Verdict::untrusted, 3), stage("b", Verdict::failed, 1)}).exit_code == 1);
  CHECK(concluded({stage("a", Verdict::failed, 1), stage("b", Verdict::failed, 8)}).exit_code == 8);
  CHECK(concluded({stage("a", Verdict::failed, 8), stage("b", Verdict::errored, 4)}).exit_code == 4);
  CHECK(concluded({stage("a", Verdict::errored, 4), stage("b", Verdict::errored, 5)}).exit_code == 5);
  CHECK(concluded({good, stage("b", Verdict::failed, 2)}).exit_code == 4);
  CHECK(concluded({good, stage("b", Verdict::interrupted, 130)}).exit_code == 4);
  CHECK(concluded({}).exit_code == 3);
  CHECK(headline(concluded({good})) == "SIGNED OFF");
  CHECK(headline(concluded({stage("b", Verdict::untrusted, 3)})) == "INCONCLUSIVE");
  CHECK(headline(concluded({stage("b", Verdict::failed, 1)})) == "NOT SIGNED OFF");
}

TEST_CASE("a waiver excuses what it names until it expires; expired and unused ones are said") {
  const auto waiver = [](const std::string& name, bool expired = false) {
    return Waiver{name, "why", "2026-12-31", expired, false};
  };
  const Stage failed = stage("perf", Verdict::failed, 1, {"perf/a", "perf/b"});
  const Signoff whole = concluded({failed}, {waiver("perf")});
  CHECK(whole.exit_code == 0);
  CHECK(whole.stages[0].waived);
  CHECK(whole.stages[0].verdict == Verdict::failed);
  CHECK_THAT(whole.warnings.at(0), Contains("waived: perf"));
  CHECK(concluded({failed}, {waiver("perf/a"), waiver("perf/b")}).exit_code == 0);
  CHECK(concluded({failed}, {waiver("perf/a")}).exit_code == 1);
  const Signoff late = concluded({failed}, {waiver("perf", true)});
  CHECK(late.exit_code == 1);
  CHECK_THAT(late.warnings.at(0), Contains("expired"));
  CHECK_THAT(concluded({stage("perf", Verdict::passed, 0)}, {waiver("perf")}).warnings.at(0), Contains("not needed"));
  CHECK(concluded({stage("perf", Verdict::errored, 5)}, {waiver("perf")}).exit_code == 5);
  CHECK(concluded({stage("perf", Verdict::errored, 4)}, {waiver("parity")}).exit_code == 4);
}

TEST_CASE("waivers are read strictly, and count up to and including their last day") {
  CHECK_FALSE(read_waivers(waiver_file("2026-11-21"), "w", "2026-11-21").at(0).expired);
  CHECK(read_waivers(waiver_file("2026-11-20"), "w", "2026-11-21").at(0).expired);
  for (const char* date : {"", "soon", "2026-13-01", "2026-1-1", "2026-01-32", "2026-01-001"}) {
    CHECK_THROWS_AS(read_waivers(waiver_file(date), "w", "2026-11-21"), Error);
  }
  CHECK_THROWS_AS(read_waivers(json::array{}, "w", "2026-11-21"), Error);
  json::value extra = waiver_file("2026-11-21");
  CHECK(fault("waivers", extra).empty());
  extra.at("waivers").at(0).as_object()["until"] = "later";
  CHECK_THROWS_AS(read_waivers(extra, "w", "2026-11-21"), Error);
  CHECK(fault("waivers", extra) == "$.waivers[0]: until is not in the schema");
}

TEST_CASE("signoff.json validates against its schema; SIGNOFF.md names every stage and waiver") {
  const Signoff signoff =
      concluded({stage("environment", Verdict::warned, 0), stage("perf", Verdict::failed, 1, {"perf/a"}),
                 stage("parity", Verdict::untrusted, 3)},
                {Waiver{"perf", "a | <b>", "2026-12-31", false, false}});
  json::value document = to_json(signoff);
  CHECK(fault("signoff", document).empty());
  document.at("stages").at(0).as_object()["mood"] = "good";
  CHECK(fault("signoff", document) == "$.stages[0]: mood is not in the schema");
  const std::string text = to_markdown(signoff);
  CHECK_THAT(text, Contains("# Sign-off: INCONCLUSIVE") && Contains("| perf | failed, waived |") &&
                       Contains("| parity | inconclusive |") && Contains("a \\| &lt;b&gt;"));
}
