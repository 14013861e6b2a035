// `bitharness signoff` over suites made here: what each stage makes of what its suite leaves.
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "engine/base/error.h"
#include "harness/cli/commands.h"
#include "harness/cli/run.h"
#include "harness/core/report_json.h"
#include "tests/support/catch.h"
#include "tests/support/json_schema.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::harness;
using Catch::Contains;

namespace {

/// What of an earlier sign-off was there while a suite ran.
std::set<std::string> earlier_seen;

/// One case that ends as --case says.
class FakeSuite : public Suite {
 public:
  explicit FakeSuite(const SuiteContext& context) : context_(context) {}
  std::vector<Case> expand() override {
    if (context_.options->text("case") == "setup") fail(ErrorKind::setup, "there is no model; get one");
    return {{"fake/case", "", {}, ""}};
  }
  std::vector<Expectation> expectations() override {
    return {{"fake/case", "", {}, {}, "test", true, Verdict::failed}};
  }
  Result run(const Case&) override {
    Result result;
    result.verdict = verdict_from(context_.options->text("case")).value_or(Verdict::passed);
    if (result.verdict != Verdict::passed) result.reason = "so it is";
    const auto folder = std::filesystem::path(context_.options->text("output")).parent_path();
    for (const char* name : {"SIGNOFF.md", "signoff.json", "receipts.json", "perf/run.json"}) {
      if (std::filesystem::exists(folder / name)) earlier_seen.insert(name);
    }
    return result;
  }
  void describe(Report& report) override { report.subject = {{"mock", context_.options->text("case") == "mock"}}; }

 private:
  SuiteContext context_;
};

constexpr std::array kFakeRows = {
    OptionRow{.name = "case", .kind = OptionKind::text, .value_name = "HOW", .default_value = "passed"},
    OptionRow{.name = "baseline", .kind = OptionKind::text, .value_name = "FILE"},
};

std::unique_ptr<Suite> make_fake(const SuiteContext& context) { return std::make_unique<FakeSuite>(context); }

const std::array kSuites = {
    SuiteRow{"acceptance", "fake", kFakeRows, true, make_fake}, SuiteRow{"parity", "fake", kFakeRows, true, make_fake},
    SuiteRow{"crossval", "fake", kFakeRows, true, make_fake}, SuiteRow{"perf", "fake", kFakeRows, true, make_fake}};

std::string write_record(const Report& report, const WriterStyle&) { return write_json(to_json(report)); }
std::string write_page(const Report& report, const WriterStyle&) { return "# " + report.suite + "\n"; }
const std::array kWriters = {Writer{"console", "", write_page}, Writer{"json", "run.json", write_record},
                             Writer{"markdown", "{SUITE}.md", write_page}};

struct Signed {
  int code = 0;
  std::string out, err;
  json::value document;
  std::string verdict(std::string_view name) const {
    for (const json::value& stage : document.at("stages").as_array()) {
      if (stage.at("name").as_string() == name) return std::string(stage.at("verdict").as_string());
    }
    return "not there";
  }
};

/// Runs it with sections of a configuration file: {"perf", "case = failed"}.
Signed signoff(const std::map<std::string, std::string>& sections, std::vector<std::string> more = {},
               std::span<const SuiteRow> suites = kSuites) {
  const test::TempFolder folder;
  std::ofstream config(folder / "config");
  for (const auto& [name, line] : sections) config << "[" << name << "]\n" << line << "\n";
  config.close();
  std::filesystem::create_directories(folder / "out/perf");
  for (const char* name : {"SIGNOFF.md", "signoff.json", "receipts.json", "perf/run.json"}) {
    std::ofstream(folder / "out" / name) << "SIGNED OFF";
  }
  std::vector<std::string> args = {"signoff", "-o", (folder / "out").string(), "--config",
                                   (folder / "config").string()};
  args.insert(args.end(), more.begin(), more.end());
  std::istringstream in;
  std::ostringstream out, err;
  std::int64_t now = 0;
  const App app{suites, {}, commands(), kWriters};
  World world{.args = args,
              .in = in,
              .out = out,
              .err = err,
              .getenv = [](const char*) -> const char* { return nullptr; },
              .clock = {[&now] { return now += 1000; }, [] { return std::string("2026-01-02T03:04:05.678Z"); }}};
  Signed result;
  result.code = run_cli(app, world);
  result.out = out.str();
  result.err = err.str();
  result.document = read_json_file((folder / "out/signoff.json").string());
  CHECK(std::filesystem::exists(folder / "out/SIGNOFF.md"));
  return result;
}

}  // namespace

TEST_CASE("each suite's run decides its stage; without evidence no stage passes") {
  const Signed all = signoff({{"perf", "baseline = some.json"}});
  CAPTURE(all.out, all.err);
  for (const char* name : {"acceptance", "parity", "crossval", "perf", "documents"})
    CHECK(all.verdict(name) == "passed");
  CHECK(all.verdict("receipts") == "inconclusive");  // fakes leave none
  CHECK(all.document.at("stages").as_array().size() == 8);
  const test::JsonSchema schema(
      read_json_file(std::string(bh::test::kSourceDir) + "/reports/schema/signoff.schema.json"));
  CHECK(schema.fault(all.document).empty());

  CHECK(signoff({}).verdict("perf") == "inconclusive");  // held against nothing
  CHECK(signoff({{"parity", "case = failed"}}).verdict("parity") == "failed");
  CHECK(signoff({{"parity", "case = skipped"}}).verdict("parity") == "inconclusive");
  CHECK(signoff({{"parity", "case = warned"}}).verdict("parity") == "warned");
  CHECK(signoff({{"parity", "case = mock"}}).verdict("parity") == "failed");
  CHECK(signoff({{"parity", "filter = fake"}}).verdict("parity") == "inconclusive");  // a part is not the whole
  const Signed setup = signoff({{"crossval", "case = setup"}});
  CHECK(setup.verdict("crossval") == "errored");
  CHECK(setup.code == 4);
  CHECK(signoff({}, {}, std::span(kSuites).first(2)).verdict("perf") == "inconclusive");
}

TEST_CASE("while a sign-off runs nothing of an earlier one stands that could be taken for its verdict") {
  earlier_seen.clear();
  signoff({});
  CHECK(earlier_seen.empty());
}

TEST_CASE("a waiver of a case excuses its stage in the run's verdict") {
  const test::TempFolder folder;
  std::ofstream(folder / "waivers.json")
      << R"({"schema": "bitharness.waivers/1", "waivers": [)"
      << R"({"name": "fake/case", "reason": "known", "expires": "2026-01-02"},)"
      << R"({"name": "receipts", "reason": "fakes leave none", "expires": "2026-02-01"},)"
      << R"({"name": "perf", "reason": "no baseline", "expires": "2026-02-01"},)"
      << R"({"name": "integrity", "reason": "a test's tree", "expires": "2026-02-01"},)"
      << R"({"name": "documents", "reason": "none", "expires": "2025-02-01"}]})";
  const Signed run = signoff({{"parity", "case = failed"}}, {"--waivers", (folder / "waivers.json").string()});
  CAPTURE(run.out, run.err);
  CHECK(run.verdict("parity") == "failed");
  CHECK(run.code == 0);
  CHECK_THAT(run.out, Contains("SIGNED OFF") && Contains("waiver of documents expired"));
}
