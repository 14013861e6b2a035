// What is published tells of the measurement and not of whose machine it was.
#include "harness/core/anonymous.h"

#include "engine/base/json.h"
#include "harness/core/report_json.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::harness;

TEST_CASE("absolute paths lose their folders, and nothing else changes") {
  CHECK(without_folders("bitharness perf -m /home/jane/models/a.gguf -t 2") == "bitharness perf -m a.gguf -t 2");
  CHECK(without_folders("--model=/srv/x.gguf") == "--model=x.gguf");
  CHECK(without_folders("cannot read '/home/jane/x y': gone") == "cannot read 'x y': gone");
  CHECK(without_folders("/home/jane/") == "jane");
  CHECK(without_folders("at http://127.0.0.1:8080/v1") == "at http://127.0.0.1:8080/v1");
  CHECK(without_folders("512 tok/s, perf/decode/t2, and/or, 1 / 2, a//b") ==
        "512 tok/s, perf/decode/t2, and/or, 1 / 2, a//b");
  CHECK(without_folders("./relative/x ../up/y ~/home/z") == "./relative/x ../up/y ~/home/z");
  CHECK(without_folders("").empty());
  CHECK(without_folders("/") == "/");
}

TEST_CASE("no folder is left of a path with blanks or letters beyond ASCII") {
  CHECK(without_folders("-m /home/jan\u00e9/mod\u00e8les/\u00e9t\u00e9.gguf -t 2") == "-m \u00e9t\u00e9.gguf -t 2");
  CHECK(without_folders("/\u00e9t\u00e9/a.gguf") == "a.gguf");
  CHECK(without_folders("/home/jane doe/my models/a.gguf") == "a.gguf");
  CHECK(without_folders("/home/jane/my models (old)/a b.gguf") == "a b.gguf");
  CHECK(without_folders("no file '/home/jane doe/my models/a.gguf' here") == "no file 'a.gguf' here");
  CHECK(without_folders("\"/home/jane doe/a\" and '/srv/x y/b'") == "\"a\" and 'b'");
  CHECK(without_folders("perf '--model=/home/jane doe/a.gguf' -t 2") == "perf '--model=a.gguf' -t 2");
  // A path ends where a sentence or a command line goes on.
  CHECK(without_folders("/home/jane/a.gguf: 1/2 of it, see /srv/log") == "a.gguf: 1/2 of it, see log");
  CHECK(without_folders("/opt/bin/llama -m /home/jane/a.gguf -p and/or") == "llama -m a.gguf -p and/or");
  CHECK(without_folders("jane's '/home/jane/a") == "jane's 'a");
}

TEST_CASE("an anonymous report holds no host name and no folder in any text") {
  Report report;
  report.suite = "fake";
  report.environment.host_name = "janes-laptop";
  report.command_line = "bitharness fake -m /home/jane/a.gguf";
  report.options = {{"model", {"/home/jane/a.gguf"}, OptionSource::command_line}};
  report.subject = {{"model_path", "/home/jane/a.gguf"}};
  report.notes = {{"files", json::array{"/home/jane/b"}}};
  report.cases = {{"fake/a", "", {{"model", "/home/jane/a.gguf"}}, "bitharness fake -m /home/jane/a.gguf"}};
  Result result;
  result.case_id = "fake/a";
  result.verdict = Verdict::errored;
  result.reason = "no file '/home/jane/a.gguf'";
  result.details = {{"/home/jane", "x"}};
  report.results = {result};
  const std::string text = write_json(to_json(anonymous(report)));
  CHECK(text.find("/home") == std::string::npos);
  CHECK(text.find("laptop") == std::string::npos);
  CHECK(text.find("a.gguf") != std::string::npos);
}
