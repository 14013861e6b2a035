// Subjects in other processes and on servers, as users name them; and what happens where they misbehave.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/base/json.h"
#include "harness/io/frame.h"
#include "tests/cli/process.h"
#include "tests/support/catch.h"
#include "tests/support/fake_server.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::test;
using Catch::Contains;
using harness::Frame;
namespace fs = std::filesystem;

namespace {

std::string as_text(const Frame& frame) {
  std::string text;
  harness::write_frame(frame, [&](std::string_view bytes) { text += bytes; });
  return text;
}

/// Throws where the text is anything but frames.
std::vector<Frame> frames_of(const std::string& text) {
  std::size_t at = 0;
  harness::FrameReader reader([&](char* data, std::size_t size) {
    const std::size_t count = text.copy(data, size, at);
    at += count;
    return count;
  });
  std::vector<Frame> frames;
  for (Frame frame; reader.next(frame);) frames.push_back(frame);
  return frames;
}

json::value run_acceptance(std::vector<std::string> args, int expected_code) {
  args.insert(args.begin(), {"acceptance", "-q", "-t", "1", "--json"});
  const Finished run = bitharness(args);
  CAPTURE(run.out, run.err);
  CHECK(run.code == expected_code);
  return parse_json(run.out, "stdout");
}

const json::object& result_of(const json::value& report, std::string_view id) {
  for (const json::value& result : report.at("results").as_array()) {
    if (result.at("case_id").as_string() == id) return result.as_object();
  }
  throw std::runtime_error("no result of " + std::string(id));
}

fs::path script(const TempFolder& folder, const std::string& name, const std::string& text) {
  fs::path path = folder / name;
  std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
  fs::permissions(path, fs::perms::owner_all);
  return path;
}

}  // namespace

TEST_CASE("bitharness worker speaks frames and nothing else, and ends with its input") {
  const std::int32_t ids[] = {1, 5};
  const std::string payload(reinterpret_cast<const char*>(ids), sizeof(ids));
  const Finished run = bitharness({"worker", "-t", "1"}, as_text({"logits", {{"mode", "batch"}}, payload}) +
                                                             as_text({"generate", {{"max_tokens", "3"}}, payload}) +
                                                             as_text({"logits", {}, "abc"}));
  CHECK(run.code == 0);
  const auto frames = frames_of(run.out);
  REQUIRE(frames.size() == 7);
  CHECK(frames[0].text("protocol") == "bitharness.worker/1");
  CHECK(frames[1].payload.size() == 4 * static_cast<std::size_t>(frames[0].integer("n_vocab")));
  CHECK(frames[3].name == "done");
  CHECK(frames[5].payload.size() == 12);
  CHECK(frames[6].name == "error");
  CHECK(run.err.empty());
}

TEST_CASE("bitharness worker answers hostile bytes with an error frame and a clean exit") {
  for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(100'000, 'A'),
                                   std::string("logits 1073741824 \nx"), std::string("\xff\0\n", 3)}) {
    const Finished run = bitharness({"worker", "-t", "1"}, bytes);
    CHECK(run.code == 2);
    const auto frames = frames_of(run.out);
    REQUIRE(frames.size() == 2);
    CHECK(frames[1].name == "error");
    CHECK(is_one_clear_line(run.err));
  }
  const Finished refused = bitharness({"worker", "-m", "/nonexistent.gguf"});
  CHECK(refused.code == 4);
  CHECK(frames_of(refused.out).at(0).name == "error");
}

TEST_CASE("another build of bitharness passes acceptance by its answers; what needs our engine's inside is skipped") {
  const json::value report =
      run_acceptance({"--subject", "previous_build", "--subject-address", bh::test::kBinary, "--filter", "ac2",
                      "--filter", "ac3", "--filter", "ac4", "--filter", "ac5", "--filter", "ac7"},
                     0);
  CHECK(report.at("subject").at("name") == "previous_build");
  CHECK(report.at("notes").at("profile") == "elsewhere");
  for (const char* id : {"ac2/real-is-real", "ac3/pipeline", "ac4/greedy-repeats", "ac4/recorded-text", "ac4/samples",
                         "ac5/round-trip", "ac5/reference-prompts", "ac7/one-answer", "ac7/greedy"}) {
    const json::object& result = result_of(report, std::string("acceptance/") + id);
    CAPTURE(write_json_line(result));
    CHECK(result.at("verdict") == "passed");
  }
  const json::object& skipped = result_of(report, "acceptance/ac7/reference-batch");
  CHECK(skipped.at("verdict") == "skipped");
  CHECK_THAT(std::string(skipped.at("reason").as_string()), Contains("inside our own engine"));
}

TEST_CASE("a subject that crashes, hangs, prints garbage or is no such thing is named, and the run is not green") {
  const TempFolder folder;
  const auto reason_of = [&](const std::string& program) {
    const json::value report = run_acceptance({"--subject", "previous_build", "--subject-address", program,
                                               "--time-limit", "0.5", "--filter", "ac4/greedy-repeats"},
                                              4);
    const json::object& result = result_of(report, "acceptance/ac4/greedy-repeats");
    CHECK(result.at("verdict") == "errored");
    return std::string(result.at("reason").as_string());
  };
  CHECK_THAT(reason_of("/bin/true"), Contains("exited with code 0"));
  CHECK_THAT(reason_of(script(folder, "crash", "echo broken >&2; kill -SEGV $$")),
             Contains("ended by signal 11 (Segmentation fault); its last words: broken"));
  CHECK_THAT(reason_of(script(folder, "hang", "exec sleep 60")), Contains("took longer than 0.5 s"));
  CHECK_THAT(reason_of(script(folder, "flood", "exec yes")), Contains("does not speak bitharness.worker/1"));
  CHECK_THAT(reason_of(script(folder, "forks", "sleep 60 & exit 0")), Contains("exited with code 0"));
  CHECK_THAT(reason_of(script(folder, "old", "exit 2")), Contains("such as an older build"));
  CHECK_THAT(reason_of(script(folder, "next", "printf 'hello 0 protocol=bitharness.worker/9\\n'; cat")),
             Contains("bitharness.worker/9"));
  CHECK_THAT(reason_of("/nonexistent"), Contains("no such program"));
}

TEST_CASE("a server is tested by its URL; what it cannot tell is skipped with that reason") {
  FakeServer server([](const FakeServer::Request& request) -> std::string {
    if (request.path == "/health") return FakeServer::ok("{}");
    if (request.path == "/props") return FakeServer::ok(R"({"default_generation_settings":{"n_ctx":512}})");
    if (request.path == "/tokenize") return FakeServer::ok(R"({"tokens":[5]})");
    if (request.path == "/detokenize") return FakeServer::ok(R"({"content":"word"})");
    if (request.path != "/completion") return FakeServer::status("404 Not Found", "");
    return FakeServer::ok(R"({"content":"word","tokens":[5],"timings":{"prompt_ms":3,"predicted_ms":4}})");
  });
  const json::value report = run_acceptance({"--subject", server.url(), "--filter", "ac2/real-is-real", "--filter",
                                             "ac4/greedy-repeats", "--filter", "ac7/one-answer"},
                                            0);
  CHECK(report.at("subject").at("name") == "http");
  CHECK(report.at("subject").at("facts").at("api") == "llama-server");
  CHECK(result_of(report, "acceptance/ac4/greedy-repeats").at("verdict") == "passed");
  const json::object& skipped = result_of(report, "acceptance/ac7/one-answer");
  CHECK(skipped.at("verdict") == "skipped");
  CHECK_THAT(std::string(skipped.at("reason").as_string()), Contains("no logits of every position"));
}

TEST_CASE("a server that is not there, or an address that is none, is set-up or usage") {
  run_acceptance({"--subject", "http://127.0.0.1:1", "--filter", "ac4/greedy-repeats"}, 4);
  CHECK(bitharness({"acceptance", "--subject", "oracle"}).code == 2);
  CHECK(bitharness({"acceptance", "--subject", "mock", "--subject-address", "x"}).code == 2);
  CHECK(bitharness({"acceptance", "--subject", "http://a", "--time-limit", "0"}).code == 2);
}
