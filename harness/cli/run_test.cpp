// run_cli in a world made by hand: fake suites that end in every way, a fake clock, streams in memory.
#include "harness/cli/run.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <sstream>
#include <thread>

#include "engine/base/error.h"
#include "harness/cli/commands.h"
#include "harness/cli/signals.h"
#include "harness/core/report_json.h"
#include "tests/support/catch.h"
#include "tests/support/json_schema.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::harness;
using Catch::Contains;

namespace {

/// One case per way to end; --case chooses which are expanded.
class FakeSuite : public Suite {
 public:
  explicit FakeSuite(const SuiteContext& context) : context_(context) {}

  std::vector<Case> expand() override {
    if (context_.options->flag("no-model")) fail(ErrorKind::setup, "there is no model; get one");
    std::vector<Case> cases;
    for (const std::string& name : context_.options->texts("case")) {
      cases.push_back({"fake/" + name, "the case " + name, {{"name", name}}, ""});
    }
    return cases;
  }

  std::vector<Expectation> expectations() override {
    std::vector<Expectation> all;
    for (const std::string& name : context_.options->texts("require")) {
      all.push_back({"fake/" + name, "", {}, {}, "test", true, Verdict::failed});
    }
    all.push_back({"fake/slow", "speed", 5.0, {}, "test", false, Verdict::regressed});
    return all;
  }

  Result run(const Case& item) override {
    const std::string name = item.id.substr(5);
    if (name == "usage") fail(ErrorKind::usage, "not like this");
    if (name == "setup") fail(ErrorKind::setup, "a file is missing");
    if (name == "policy") fail(ErrorKind::policy, "that is not allowed");
    if (name == "internal") fail(ErrorKind::internal, "an invariant broke");
    if (name == "throw") throw std::out_of_range("vector::at");
    if (name == "memory") throw std::bad_alloc();
    if (name == "hang") std::this_thread::sleep_for(std::chrono::minutes(10));
    Result result;
    result.verdict = verdict_from(name).value_or(Verdict::passed);
    if (result.verdict != Verdict::passed) result.reason = "because";
    if (name == "slow") context_.rerun(item.id, Verdict::untrusted, "noise");
    if (name == "slow") result.metrics = {{"speed", "tok/s", 4.0, {4.0}, ""}};
    if (name == "mock") result.violations = {{"mock", "cpu", "", "a mock ran"}};
    return result;
  }

  void describe(Report& report) override { report.notes["described"] = report.results.size(); }

 private:
  SuiteContext context_;
};

constexpr std::array kFakeRows = {
    OptionRow{.name = "case", .kind = OptionKind::text, .repeatable = true},
    OptionRow{.name = "require", .kind = OptionKind::text, .repeatable = true},
    OptionRow{.name = "no-model"},
};

std::unique_ptr<Suite> make_fake(const SuiteContext& context) { return std::make_unique<FakeSuite>(context); }
const std::array kSuites = {SuiteRow{"fake", "Ends as it is told", kFakeRows, true, make_fake}};

std::string write_record(const Report& report, const WriterStyle&) { return write_json(to_json(report)); }
std::string write_console(const Report& report, const WriterStyle& style) {
  return fmt::format("exit {}{}\n", report.outcome.exit_code, style.colour ? " in colour" : "");
}
std::string write_names(const Report& report, const WriterStyle&) { return report.suite + "\n"; }
const std::array kWriters = {Writer{"console", "", write_console}, Writer{"json", "run.json", write_record},
                             Writer{"names", "{suite}.txt", write_names}, Writer{"shout", "{SUITE}.md", write_names}};

struct Call {
  int code = 0;
  std::string out, err;
};

struct Outside {
  std::map<std::string, std::string> environment;
  bool terminal = false;
  bool disk_full = false;  ///< what is written to stdout is lost

  Call operator()(std::vector<std::string> args, bool own_process = false) const {
    std::istringstream in;
    std::ostringstream out, err;
    if (disk_full) out.setstate(std::ios::badbit);
    std::int64_t now = 0;
    const App app{kSuites, {}, commands(), kWriters};
    World world{.args = std::move(args),
                .in = in,
                .out = out,
                .err = err,
                .getenv =
                    [this](const char* name) {
                      const auto found = environment.find(name);
                      return found == environment.end() ? nullptr : found->second.c_str();
                    },
                .clock = {[&now] { return now += 1000; }, [] { return std::string("2026-01-02T03:04:05.678Z"); }},
                .out_is_terminal = terminal,
                .own_process = own_process};
    const int code = run_cli(app, world);
    return {code, out.str(), err.str()};
  }
};

Call call(std::vector<std::string> args) { return Outside()(std::move(args)); }

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The lines of a JSON Lines file, each valid by its schema.
std::vector<json::value> read_lines(const std::filesystem::path& path, const std::string& schema) {
  const test::JsonSchema rules = test::JsonSchema::named(schema);
  std::istringstream stream(read(path));
  std::vector<json::value> lines;
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(parse_json(line, path.string()));
    CHECK(rules.fault(lines.back()).empty());
    json::value spoilt = lines.back();
    spoilt.as_object()["extra"] = 1;
    CHECK(rules.fault(spoilt) == "$: extra is not in the schema");
  }
  return lines;
}

std::vector<std::string> event_names(const std::vector<json::value>& events) {
  std::vector<std::string> names;
  for (const json::value& event : events) {
    names.emplace_back(event.at("event").as_string());
    if (const auto* id = find(event.as_object(), "case_id")) names.back() += " " + std::string(id->as_string());
  }
  return names;
}

}  // namespace

TEST_CASE("every exit code is reached by the run that deserves it") {
  CHECK(call({"fake", "--case", "ok"}).code == 0);
  CHECK(call({"fake", "--case", "warned"}).code == 0);
  CHECK(call({"fake", "--case", "failed"}).code == 1);
  CHECK(call({"fake", "--case", "regressed"}).code == 1);
  CHECK(call({"fake", "--case", "slow"}).code == 1);
  CHECK(call({"fake", "--case", "errored"}).code == 1);
  CHECK(call({"fake", "--case", "usage"}).code == 1);
  CHECK(call({"fake", "--no-such-option"}).code == 2);
  CHECK(call({"fake"}).code == 3);
  CHECK(call({"fake", "--case", "skipped"}).code == 3);
  CHECK(call({"fake", "--case", "ok", "--case", "skipped"}).code == 0);
  CHECK(call({"fake", "--case", "ok", "--case", "skipped", "--require", "skipped"}).code == 3);
  CHECK(call({"fake", "--case", "untrusted", "--require", "untrusted"}).code == 3);
  CHECK(call({"fake", "--case", "ok", "--require", "absent"}).code == 3);
  CHECK(call({"fake", "--case", "setup"}).code == 4);
  CHECK(call({"fake", "--case", "memory"}).code == 4);
  CHECK(call({"fake", "--no-model"}).code == 4);
  CHECK(call({"fake", "--case", "internal"}).code == 5);
  CHECK(call({"fake", "--case", "throw"}).code == 5);
  CHECK(call({"fake", "--case", "mock", "--strict"}).code == 8);
  CHECK(call({"fake", "--case", "policy"}).code == 1);
  CHECK(call({"fake", "--case", "policy", "--strict"}).code == 8);
  CHECK(call({"fake", "--case", "ok", "--case", "skipped", "--require", "skipped", "--strict"}).code == 8);
}

TEST_CASE("a result that could not be written is a set-up error, whatever it was, but no bug is hidden by it") {
  Outside full;
  full.disk_full = true;
  for (const char* how : {"ok", "failed", "skipped", "setup"}) {
    const Call run = full({"fake", "--case", how, "--require", how});
    CHECK(run.code == 4);
    CHECK_THAT(run.err, Contains("cannot write the results"));
  }
  CHECK(full({"fake", "--case", "mock", "--strict"}).code == 4);
  CHECK(full({"fake", "--case", "internal"}).code == 5);
}

TEST_CASE("a path that cannot be is a set-up error that names it") {
  const std::string name(300, 'n');
  for (const auto& args :
       std::vector<std::vector<std::string>>{{"tokenize", "-m", name}, {"synth", "out.gguf", "--tokenizer", name}}) {
    const Call run = call(args);
    CAPTURE(run.err);
    CHECK(run.code == 4);
    CHECK_THAT(run.err, Contains(name) && Contains("too long") && !Contains("bug"));
  }
}

TEST_CASE("a case that throws does not stop the cases behind it") {
  const Call run = call({"fake", "--case", "throw", "--case", "ok", "--json"});
  const Report report = report_from_json(parse_json(run.out, "stdout"), "stdout");
  REQUIRE(report.results.size() == 2);
  CHECK(report.results[0].verdict == Verdict::errored);
  CHECK(report.results[0].reason == "vector::at");
  CHECK(report.results[0].error_kind == "internal");
  CHECK(report.results[0].duration_ns > 0);
  CHECK(report.results[1].verdict == Verdict::passed);
}

TEST_CASE("results are on stdout, progress on stderr, and --quiet leaves stdout alone") {
  const Call run = call({"fake", "--case", "ok", "--case", "failed"});
  CHECK(run.out == "exit 1\n");
  CHECK(run.err == "[1/2] fake/ok passed\n[2/2] fake/failed failed: because\n");
  const Call quiet = call({"fake", "--case", "ok", "--quiet"});
  CHECK(quiet.out == "exit 0\n");
  CHECK(quiet.err.empty());
}

TEST_CASE("colour is for terminals without NO_COLOR") {
  CHECK(call({"fake", "--case", "ok"}).out == "exit 0\n");
  Outside terminal;
  terminal.terminal = true;
  CHECK(terminal({"fake", "--case", "ok"}).out == "exit 0 in colour\n");
  terminal.environment["NO_COLOR"] = "1";
  CHECK(terminal({"fake", "--case", "ok"}).out == "exit 0\n");
}

TEST_CASE("a filter selects cases, and what it leaves out is not required") {
  const Call run = call({"fake", "--case", "ok", "--case", "skipped", "--require", "skipped", "--filter", "fake/ok"});
  CHECK(run.code == 0);
  const Call none = call({"fake", "--case", "ok", "--filter", "nothing"});
  CHECK(none.code == 3);
  CHECK_THAT(none.err, Contains("none of the 1 cases matches"));
  CHECK(call({"fake", "--case", "ok", "--case", "failed", "--filter", "*/ok", "--filter", "*/failed"}).code == 1);
  for (const char* other : {"ok too", "not fake/ok"}) {  // a whole id is that case alone, whatever else contains it
    CAPTURE(other);
    CHECK(call({"fake", "--case", "ok", "--case", other, "--filter", "fake/ok", "--list"}).out ==
          call({"fake", "--case", "ok", "--list"}).out);
  }
}

TEST_CASE("listing cases and their repro lines runs nothing and says how to run each case alone") {
  const Call list = call({"fake", "--case", "failed", "--case", "ok", "--list"});
  CHECK(list.code == 0);
  CHECK(list.out == "fake/failed  the case failed\nfake/ok  the case ok\n");
  const Call repro = call({"fake", "--case", "failed", "--case", "o k", "--strict", "--filter", "fail", "--repro"});
  CHECK(repro.out == "bitharness fake --case failed --case 'o k' --strict --filter fake/failed\n");
}

TEST_CASE("a run directory holds the record, the samples and the documents, and nothing of an earlier run") {
  const test::TempFolder folder;
  const std::string dir = (folder / "deep" / "run").string();
  const Call run = call({"fake", "--case", "ok", "--case", "slow", "-o", dir});
  CHECK(run.code == 1);
  const std::filesystem::path path(dir);
  const Report report = report_from_json(read_json_file((path / "run.json").string()), "run.json");
  CHECK(report.results.size() == 2);
  CHECK(report.results[1].verdict == Verdict::regressed);
  CHECK(report.outcome.exit_code == 1);
  CHECK(report.expectations.size() == 1);
  CHECK(report.notes.at("described").to_number<int>() == 2);
  CHECK(report.started_at == "2026-01-02T03:04:05.678Z");
  CHECK(read(path / "fake.txt") == "fake\n");
  CHECK(std::filesystem::exists(path / "FAKE.md"));
  const auto samples = read_lines(path / "samples.jsonl", "sample.schema.json");
  REQUIRE(samples.size() == 2);
  CHECK(samples[1].at("metrics").at(0).at("samples").at(0).as_double() == 4.0);
  const auto events = read_lines(path / "events.jsonl", "event.schema.json");
  CHECK(event_names(events) == std::vector<std::string>{"run_start", "case_start fake/ok", "case_end fake/ok",
                                                        "case_start fake/slow", "rerun fake/slow", "case_end fake/slow",
                                                        "run_end"});
  CHECK(events.back().at("exit_code") == 1);
  for (std::size_t i = 1; i < events.size(); ++i) {
    CHECK(events[i].at("ns").as_int64() > events[i - 1].at("ns").as_int64());
  }
  // The next run fails before its first case: the old record must be gone, not mistaken for it.
  std::filesystem::remove(path / "samples.jsonl");
  std::filesystem::create_directory(path / "samples.jsonl");
  CHECK(call({"fake", "--case", "ok", "-o", dir}).code == 4);
  CHECK_FALSE(std::filesystem::exists(path / "run.json"));
}

TEST_CASE("a run directory that cannot be made is a set-up error") {
  const test::TempFolder folder;
  std::ofstream(folder / "file") << "x";
  CHECK(call({"fake", "--case", "ok", "-o", (folder / "file").string()}).code == 4);
  CHECK(call({"fake", "--case", "ok", "-o", "/proc/no/such"}).code == 4);
}

TEST_CASE("errors are one line on stderr, and nothing is on stdout") {
  for (const auto& args : std::vector<std::vector<std::string>>{
           {"fake", "--no-model"}, {"fake", "--casee", "x"}, {"fakee"}, {"run", "-t", "0"}, {"x\ny\xff"}}) {
    const Call run = call(args);
    CHECK(run.out.empty());
    CHECK(run.err.find("bitharness: error: ") == 0);
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    CHECK(run.code != 0);
  }
  CHECK_THAT(call({"fakee"}).err, Contains("did you mean fake?"));
  CHECK_THAT(call({"fake", "--casee", "x"}).err, Contains("did you mean --case?"));
}

TEST_CASE("help and version are on stdout; no arguments at all are a usage error") {
  const Call help = call({"--help"});
  CHECK(help.code == 0);
  CHECK_THAT(help.out, Contains("fake"));
  CHECK(call({"help"}).out == help.out);
  CHECK_THAT(call({"--version"}).out, Contains("bitharness "));
  const Call nothing = call({});
  CHECK(nothing.code == 2);
  CHECK(nothing.out.empty());
  CHECK(nothing.err == help.out);
  const App app{kSuites, {}, commands(), kWriters};
  for (const KnownCommand& command : known_commands(app)) {
    const Call one = call({command.name, "--help"});
    CHECK(one.code == 0);
    CHECK(call({"help", command.name}).out == one.out);
    for (const OptionRow& row : command.rows) CHECK_THAT(one.out, Contains(fmt::format("--{}", row.name)));
    for (const char* code : {"128+N", "  0 ", "  1 ", "  2 ", "  3 ", "  4 ", "  5 ", "  8 "}) {
      CHECK_THAT(one.out, Contains(code));
    }
    CHECK(call({command.name, "--show-config"}).code == 0);
  }
}

TEST_CASE("no command has two options of one name, and each says what it is for") {
  const App app{kSuites, {}, commands(), kWriters};
  for (const KnownCommand& command : known_commands(app)) {
    if (command.name == "fake") continue;
    std::vector<std::string> names;
    for (const OptionRow& row : command.rows) {
      CAPTURE(command.name, row.name);
      CHECK_FALSE(row.help.empty());
      CHECK((row.kind == OptionKind::flag) == row.value_name.empty());
      std::string all = std::string(row.name) + (row.aliases.empty() ? "" : "," + std::string(row.aliases));
      std::istringstream stream(all);
      for (std::string name; std::getline(stream, name, ',');) {
        CHECK(std::find(names.begin(), names.end(), name) == names.end());
        names.push_back(name);
      }
    }
    CHECK_NOTHROW(Options(command.rows, {}));  // every default is a legal value
  }
}

TEST_CASE("the completion script knows every command and option") {
  const Call run = call({"completions", "bash"});
  CHECK(run.code == 0);
  for (const char* word :
       {"fake", "tokenize", "--threads", "--strict", "one_answer one_answer_kv_int8 reference_batch"}) {
    CHECK_THAT(run.out, Contains(word));
  }
  CHECK(call({"completions", "tcsh"}).code == 2);
}

TEST_CASE("the strict switch of the environment counts and is recorded") {
  Outside outside;
  outside.environment["BITNET_STRICT_MODE"] = "1";
  const Call run = outside({"fake", "--case", "mock", "--json"});
  CHECK(run.code == 8);
  CHECK(report_from_json(parse_json(run.out, "stdout"), "stdout").strict);
}

TEST_CASE("a signal ends a run in a case that never returns: what is finished is kept, the rest is interrupted") {
  const test::TempFolder folder;
  const std::string dir = (folder / "run").string();
  const pid_t child = ::fork();
  if (child == 0) {
    Outside()({"fake", "--case", "ok", "--case", "hang", "--case", "failed", "-o", dir}, true);
    ::_exit(99);
  }
  // samples.jsonl grows after each case: once it holds the first, the second hangs.
  for (int i = 0; i < 1000 && read(std::filesystem::path(dir) / "samples.jsonl").empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ::kill(child, SIGTERM);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 128 + SIGTERM);
  const Report report = report_from_json(read_json_file(dir + "/run.json"), "run.json");
  REQUIRE(report.results.size() == 3);
  CHECK(report.results[0].verdict == Verdict::passed);
  CHECK(report.results[1].verdict == Verdict::interrupted);
  CHECK(report.results[2].verdict == Verdict::interrupted);
  CHECK(report.interrupted_by_signal == SIGTERM);
  CHECK(report.outcome.exit_code == 128 + SIGTERM);
  CHECK(report.notes.at("described").to_number<int>() == 1);
  const auto events = event_names(read_lines(dir + "/events.jsonl", "event.schema.json"));
  CHECK(events == std::vector<std::string>{"run_start", "case_start fake/ok", "case_end fake/ok",
                                           "case_start fake/hang", "signal", "run_end"});
}

TEST_CASE("a signal ends the process even where its end waits for a lock that is never given up") {
  const pid_t child = ::fork();
  if (child == 0) {
    std::mutex held;
    const std::lock_guard lock(held);
    const std::chrono::milliseconds brief(50);
    const SignalWatcher watcher(
        brief, [&](int) { const std::lock_guard again(held); }, brief);
    ::kill(::getpid(), SIGTERM);
    std::this_thread::sleep_for(std::chrono::seconds(20));
    ::_exit(99);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 128 + SIGTERM);
}
