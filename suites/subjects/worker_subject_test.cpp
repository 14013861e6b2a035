#include "suites/subjects/worker_subject.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/base/error.h"
#include "suites/subjects/bitnet_cpp.h"
#include "suites/subjects/previous_build.h"
#include "tests/support/catch.h"
#include "tests/support/processes.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::suites;
using engine::TokenId;
using harness::SubjectError;
using harness::SubjectFault;

namespace {

const std::string kHello =
    "printf 'hello 0 protocol=bitharness.worker/1 name=x version=v7 backend=cpu numerics=theirs n_vocab=2 n_ctx=8 "
    "abilities=tokenize,logits,generate,trace,timing fact.commit=abc%%20def\\n'; ";
const std::string kOne = "\\000\\000\\200\\077";  // 1.0f
const std::string kNan = "\\000\\000\\300\\177";  // NaN
const std::string kId1 = "\\001\\000\\000\\000";  // the token 1
const std::string kId9 = "\\011\\000\\000\\000";  // no token of these two

harness::SubjectSettings settings_of(int milliseconds = 5000) {
  harness::SubjectSettings settings;
  settings.time_limit = std::chrono::milliseconds(milliseconds);
  return settings;
}

std::unique_ptr<WorkerSubject> open(const std::string& script, int milliseconds = 5000) {
  return std::make_unique<WorkerSubject>("scripted", harness::Command{"/bin/sh", {"-c", script}, {}},
                                         settings_of(milliseconds));
}

struct Outcome {
  SubjectFault fault{};
  std::string message;
};

template <class Action>
Outcome outcome_of(const Action& action) {
  try {
    action();
  } catch (const SubjectError& error) {
    CHECK(error.kind() == ErrorKind::setup);
    return {error.fault, error.what()};
  }
  FAIL("nothing was wrong with it");
  return {};
}

Outcome outcome_of_logits(const std::string& rest) {
  return outcome_of([&] {
    const auto subject = open(kHello + rest);
    subject->logits(std::vector<TokenId>{1, 0});
  });
}

Outcome opening(const std::string& script, int milliseconds = 5000) {
  return outcome_of([&] { open(script, milliseconds); });
}

void check(const Outcome& outcome, SubjectFault fault, const std::string& words) {
  CAPTURE(outcome.message);
  CHECK(to_string(outcome.fault) == to_string(fault));
  CHECK(outcome.message.find(words) != std::string::npos);
}

}  // namespace

TEST_CASE("a worker that keeps to the protocol is a subject like any other", "[child]") {
  const auto subject =
      open(kHello + "printf 'row 8 position=0\\n" + kOne + kOne + "row 8 position=1\\n" + kOne + kOne +
           "done 0\\nids 4\\n" + kId1 + "text 2\\nhi" +
           "steps 16\\n\\005\\000\\000\\000\\000\\000\\000\\000\\006\\000\\000\\000\\000\\000\\000\\000" +
           "done 8 prefill_ns=3 decode_ns=11\\n" + kId1 + kId1 + "text 1\\nz" +
           "tensor 8 name=q layer=0 rows=1 dim=2\\n" + kOne + kOne + "done 0\\n" +
           "done 4 prefill_ns=0 decode_ns=5 reused=1\\n" + kId1 + "error 3 kind=usage\\nno!'; cat >/dev/null");
  CHECK(subject->why_not(harness::Ability::logits).empty());
  CHECK(subject->why_not(harness::Ability::sample) == "scripted cannot sample");
  CHECK(subject->logits(std::vector<TokenId>{1, 0}) == std::vector<float>{1, 1, 1, 1});
  CHECK(subject->tokenize("a", {}) == std::vector<TokenId>{1});
  CHECK(subject->detokenize(std::vector<TokenId>{1}) == "hi");
  engine::GenerateOptions greedy;
  greedy.max_tokens = 2;
  greedy.ignore_eog = true;
  greedy.sampling.temperature = 0;
  const auto generation = subject->generate(std::vector<TokenId>{1}, greedy);
  CHECK(generation.ids == std::vector<TokenId>{1, 1});
  CHECK(generation.text == "z");
  CHECK(generation.step_ns == std::vector<std::int64_t>{5, 6});
  CHECK(generation.decode_ns == 11);
  int tensors = 0;
  subject->trace(std::vector<TokenId>{1},
                 [&](std::string_view name, int layer, std::span<const float> values, std::int64_t dim) {
                   ++tensors;
                   CHECK(name == "q");
                   CHECK(layer == 0);
                   CHECK(values.size() == 2);
                   CHECK(dim == 2);
                 });
  CHECK(tensors == 1);
  CHECK(subject->time({{1}, 1, true}).decode_ns == 5);
  CHECK_THROWS_WITH(subject->detokenize(std::vector<TokenId>{1}), Catch::Contains("no!"));
  greedy.sampling.temperature = 1;
  CHECK_THROWS_WITH(subject->generate(std::vector<TokenId>{1}, greedy), Catch::Contains("cannot sample"));
}

TEST_CASE("a worker that was timed stands still while others are", "[child]") {
  const std::string subject_line = "printf 'subject 0 n_vocab=2 n_ctx=8 fact.pid='$$'\\n'; ";
  const std::string timed = "printf 'done 4 prefill_ns=0 decode_ns=5\\n" + kId1 + "'; ";
  const auto subject =
      open("while :; do :; done & " + kHello + subject_line + timed + subject_line + "while read line; do :; done");
  const int group = std::stoi(std::string(subject->describe().facts.at("pid").as_string()));
  subject->time({{1}, 1, true});
  CHECK(test::group_stops(group));
  CHECK(subject->describe().n_vocab == 2);
  CHECK(test::group_stops(group));
}

TEST_CASE("what a worker says of itself is in its description, until it is gone", "[child]") {
  const std::string subject_line = "printf 'subject 0 version=v8 n_vocab=2 n_ctx=8 kernel.x=5\\n'; ";
  const auto subject = open(kHello + "head -c 11 >/dev/null; " + subject_line + "exit 3");
  const auto info = subject->describe();
  CHECK(info.name == "scripted");
  CHECK(info.version == "v8");
  CHECK(info.n_vocab == 2);
  CHECK(info.facts.at("commit").as_string() == "abc def");
  CHECK(info.kernels.at(0).count == 5);
  check(outcome_of([&] { subject->describe(); }), SubjectFault::ended, "exited with code 3");
  check(outcome_of([&] { subject->logits(std::vector<TokenId>{1}); }), SubjectFault::ended, "exited with code 3");
}

TEST_CASE("each way not to greet is a named outcome with the child's last words", "[child]") {
  using F = SubjectFault;
  check(opening("exit 0"), F::ended, "exited with code 0 before it had answered 'hello'");
  check(opening("echo no memory >&2; exit 9"), F::ended, "exited with code 9; its last words: no memory");
  check(opening("kill -SEGV $$"), F::crashed, "ended by signal 11 (Segmentation fault)");
  check(opening("exec sleep 60", 100), F::hung, "took longer than 0.1 s");
}

TEST_CASE("a greeting in another protocol, or in none, is a named outcome", "[child]") {
  using F = SubjectFault;
  check(opening("exec yes"), F::garbage, "a frame without its number of bytes: 'y'");
  check(opening("echo Hello, world; cat"), F::garbage, "not a frame of the worker protocol: 'Hello, world'");
  check(opening("printf 'hello 0 protocol=bitharness.worker/2\\n'; cat"), F::wrong_version, "bitharness.worker/2");
  check(opening("printf 'hello 0\\n'; cat"), F::wrong_version, "protocol nothing");
  check(opening("printf 'done 0\\n'; cat"), F::garbage, "greets with 'done'");
  check(opening("printf 'hello 0 protocol=bitharness.worker/1 n_vocab=-3 n_ctx=8\\n'; cat"), F::garbage, "n_vocab=-3");
  check(opening("printf 'hello 0 protocol=bitharness.worker/1 n_vocab=x\\n'; cat"), F::garbage, "no integer");
  check(opening("printf 'error 5 kind=setup\\nbroke'; exit 4"), F::refused, "does not start: broke");
  check(opening("while :; do printf h; sleep 0.02; done", 200), F::hung, "took longer than 0.2 s");
  check(opening("(trap '' TERM; exec sleep 60) & exit 0"), F::ended, "exited with code 0");
  harness::SubjectSettings settings = settings_of();
  settings.address = "/nonexistent/bitharness";
  check(outcome_of([&] { open_previous_build(settings); }), F::not_started, "there is no such program");
}

TEST_CASE("each way not to answer is a named outcome", "[child]") {
  using F = SubjectFault;
  check(outcome_of_logits("exit 0"), F::ended, "exited with code 0");
  check(outcome_of_logits("cat >/dev/null & kill -ABRT $$"), F::crashed, "signal 6");
  check(outcome_of_logits("exec yes"), F::garbage, "a frame without its number of bytes: 'y'");
  check(outcome_of_logits("printf 'row 4 position=0\\n" + kOne + "'; cat >/dev/null"), F::garbage,
        "of 4 bytes, 8 expected");
  check(outcome_of_logits("printf 'row 8 position=1\\n" + kOne + kOne + "'; cat >/dev/null"), F::garbage,
        "the row of position '1', not 0");
  check(outcome_of_logits("printf 'row 8 position=0\\n" + kOne + kNan + "'; cat >/dev/null"), F::garbage, "not finite");
  check(outcome_of_logits("printf 'done 0\\n'; cat >/dev/null"), F::garbage, "with a frame 'done'");
  const std::string row = "row 8 position=0\\n" + kOne + kOne;
  check(outcome_of_logits("printf '" + row + "row 8 position=1\\n" + kOne + "'; read request; exit 0"), F::garbage,
        "the stream ended inside");
  check(outcome_of([] { open(kHello + "exec sleep 60", 150)->tokenize("a", {}); }), F::hung, "took longer than 0.15 s");
  check(outcome_of([] { open(kHello + "printf 'ids 4\\n" + kId9 + "'; cat >/dev/null")->tokenize("a", {}); }),
        F::garbage, "token 9 of 2");
  check(outcome_of([] {
          open(kHello + "printf 'done 8 prefill_ns=-1\\n" + kId1 + kId1 + "'; cat >/dev/null")->time({{1}, 2, false});
        }),
        F::garbage, "negative times");
  check(outcome_of([] {
          open(kHello + "printf 'done 4\\n" + kId1 + "'; cat >/dev/null")->time({{1}, 2, false});
        }),
        F::garbage, "decoded 1 tokens, 2");
}

TEST_CASE("a worker that sends more than a trace can hold is stopped, and named", "[child]") {
  const std::string tensor =
      "printf 'tensor 16777216 name=q layer=0 rows=1 dim=4194304\\n'; head -c 16777216 /dev/zero; ";
  const auto trace = [](const std::string& script) {
    const auto subject = open(script);
    std::size_t values = 0;
    subject->trace(std::vector<TokenId>{1},
                   [&](std::string_view, int, std::span<const float> some, std::int64_t) { values += some.size(); });
    return values;
  };
  check(outcome_of([&] { trace(kHello + "while :; do " + tensor + "done"); }), SubjectFault::flooded,
        "without end: 9 of them, 144 MiB, for 1 positions");
  CHECK(trace(kHello + tensor + tensor + "printf 'done 0\\n'; cat >/dev/null") == 2 * std::size_t{4194304});
}

TEST_CASE("what a worker says of its errors is cut and safe to show", "[child]") {
  const std::string error = "printf 'error 100005 kind=setup\\n\\033[2J\\a'; head -c 100000 /dev/zero | tr '\\0' x; ";
  for (const bool greeting : {true, false}) {
    const auto outcome = greeting ? opening(error + "cat >/dev/null") : outcome_of_logits(error + "cat >/dev/null");
    check(outcome, SubjectFault::refused, "\\x1b[2J\\x07xxx");
    CHECK(outcome.message.size() < 1500);
    CHECK(outcome.message.find("x...") != std::string::npos);
  }
}

TEST_CASE("a subject that failed says the same again and is asked nothing more", "[child]") {
  const auto subject = open(kHello + "echo oh no >&2; exit 5");
  const auto first = outcome_of([&] { subject->logits(std::vector<TokenId>{1}); });
  const auto second = outcome_of([&] { subject->tokenize("a", {}); });
  CHECK(first.message == second.message);
  CHECK(first.message.find("oh no") != std::string::npos);
}

TEST_CASE("an exception of the tap leaves the conversation whole", "[child]") {
  const auto subject =
      open(kHello + "printf 'tensor 4 name=q layer=0 rows=1 dim=1\\n" + kOne +
           "tensor 4 name=k layer=0 rows=1 dim=1\\n" + kOne + "done 0\\nids 4\\n" + kId1 + "'; cat >/dev/null");
  CHECK_THROWS_WITH(subject->trace(std::vector<TokenId>{1}, [](std::string_view, int, std::span<const float>,
                                                               std::int64_t) { throw std::runtime_error("mine"); }),
                    "mine");
  CHECK(subject->tokenize("a", {}) == std::vector<TokenId>{1});
}

TEST_CASE("a build without the command worker is told from one that fails", "[child]") {
  const test::TempFolder folder;
  const auto program = folder / "old-bitharness";
  std::ofstream(program) << "#!/bin/sh\necho \"bitharness: error: 'worker' is no command\" >&2\nexit 2\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  harness::SubjectSettings settings = settings_of();
  settings.address = program;
  check(outcome_of([&] { open_previous_build(settings); }), SubjectFault::wrong_version, "such as an older build");
}

TEST_CASE("the adapter is found before the server, wherever a build has put them") {
  const test::TempFolder folder;
  CHECK_THROWS_WITH(find_reference(folder.path()), Catch::Contains("scripts/build-adapter"));
  std::filesystem::create_directories(folder / "build/bin");
  std::ofstream(folder / "build/bin/llama-server") << "x";
  CHECK(find_reference(folder.path()).is_server);
  CHECK(find_reference(folder / "build/bin/llama-server").is_server);
  std::ofstream(folder / "bitharness-adapter") << "x";
  CHECK_FALSE(find_reference(folder.path()).is_server);
  CHECK(find_reference(folder.path()).program == folder / "bitharness-adapter");
}

TEST_CASE("a server whose port was taken meanwhile is started on another one, not for ever", "[child]") {
  const test::TempFolder folder;
  const auto ports = folder / "ports", server = folder / "llama-server";
  const auto opened_with = [&](int taken) {
    std::filesystem::remove(ports);
    std::ofstream(server) << "#!/bin/sh\nfor last; do :; done; echo $last >>'" << ports.string() << "'\n[ $(wc -l <'"
                          << ports.string() << "') -gt " << taken
                          << " ] || { echo \"couldn't bind to server socket\" >&2; exit 1; }\n"
                          << "echo no such model >&2; exit 7\n";
    std::filesystem::permissions(server, std::filesystem::perms::owner_all);
    harness::SubjectSettings settings = settings_of();
    settings.address = server;
    settings.model = "some.gguf";
    const Outcome outcome = outcome_of([&] { open_bitnet_cpp(settings); });
    std::ifstream file(ports);
    std::vector<std::string> tried{std::istream_iterator<std::string>(file), {}};
    return std::pair(outcome, tried);
  };
  const auto [once, two] = opened_with(1);
  check(once, SubjectFault::ended, "exited with code 7; its last words: no such model");
  REQUIRE(two.size() == 2);
  const auto [always, three] = opened_with(9);
  check(always, SubjectFault::ended, "couldn't bind");
  CHECK(three.size() == 3);
}
