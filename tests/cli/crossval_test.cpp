// crossval on the built binary: recorded outputs, the adapter on a fake reference, and programs that are no reference.
// Each is a named outcome with its exit code, and leaves no process behind.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "engine/base/json.h"
#include "tests/cli/process.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/processes.h"
#include "tests/support/temp_folder.h"

using namespace bh;
namespace fs = std::filesystem;

namespace {

const std::string kModel = (test::shipped_model() / "kjv-3m-i2_s.gguf").string();

/// Processes whose command line holds `word`.
std::int64_t processes_with(const std::string& word) {
  const auto processes = test::all_processes();
  return std::count_if(processes.begin(), processes.end(), [&](const test::ListedProcess& process) {
    return test::proc_text(fs::path("/proc") / process.pid / "cmdline").find(word) != std::string::npos;
  });
}

fs::path script(const test::TempFolder& folder, const std::string& text) {
  const fs::path path = folder / "reference";
  std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
  fs::permissions(path, fs::perms::owner_all);
  return path;
}

struct Ran {
  test::Finished finished;
  json::object report;
  const json::object& result(const std::string& id) const {
    for (const json::value& item : report.at("results").as_array()) {
      if (item.as_object().at("case_id").as_string() == "crossval/" + id) return item.as_object();
    }
    throw std::runtime_error("no result of " + id);
  }
};

Ran crossval(std::vector<std::string> args, std::map<std::string, std::string> environment = {}) {
  test::Start start;
  start.args = {"crossval", "-m", kModel, "--json", "--quiet", "-t", "1", "--time-limit", "2"};
  start.args.insert(start.args.end(), args.begin(), args.end());
  start.environment = std::move(environment);
  Ran ran{test::Process(start).finish(), {}};
  CAPTURE(ran.finished.err);
  ran.report = parse_json(ran.finished.out, "the report").as_object();
  return ran;
}

const std::string kFake = BH_FAKE_ADAPTER_1;

}  // namespace

TEST_CASE("recorded outputs of the shipped model are a reference, and every output says that they are recorded") {
  const Ran ran = crossval({});
  CHECK(ran.finished.code == 0);
  CHECK(ran.report.at("notes").as_object().at("reference_kind").as_string() == "recorded");
  CHECK(ran.result("logits/batch").at("verdict").as_string() == "passed");
  CHECK(ran.result("ops/batch").at("verdict").as_string() == "skipped");
}

TEST_CASE("crossval leaves a receipt that verifies, and says what it was compared with") {
  const test::TempFolder folder;
  const std::string dir = (folder / "run").string();
  CHECK(crossval({"-o", dir}).finished.code == 0);
  const json::value receipt = read_json_file(dir + "/receipt.json");
  CHECK(receipt.at("parity").at("status") == "recorded");
  CHECK(receipt.at("parity").at("cpp_available") == false);
  CHECK(receipt.at("parity").at("cosine_similarity").as_double() > 0.999);
  const test::Finished verified = test::bitharness({"verify", dir, "--model", kModel, "--replay"});
  CAPTURE(verified.out);
  CHECK(verified.code == 0);
}

TEST_CASE("programs that are no reference are named outcomes, and nothing of them stays") {
  const test::TempFolder folder;
  struct Row {
    const char* what;
    const char* text;
    const char* outcome;
  };
  const std::string sleeper = "sleep 5" + std::to_string(::getpid());
  for (const Row& row :
       {Row{"ends at once", "exit 0", "ended"}, Row{"dies", "kill -SEGV $$", "crashed"},
        Row{"prints without end", "exec yes", "garbage"}, Row{"says nothing", "exec SLEEP", "hung"},
        Row{"forks and exits", "SLEEP & SLEEP & exit 0", "ended"},
        Row{"speaks of another version", "echo 'hello 0 protocol=bitharness.worker/9 n_vocab=1 n_ctx=1'; exec SLEEP",
            "wrong_version"},
        Row{"refuses the model", "printf 'error 3 kind=setup\\nno!'; exit 4", "refused"}}) {
    CAPTURE(row.what);
    std::string text = row.text;
    for (std::size_t at = text.find("SLEEP"); at != std::string::npos; at = text.find("SLEEP"))
      text.replace(at, 5, sleeper);
    const Ran ran = crossval({"--reference", script(folder, text).string()});
    CHECK(ran.finished.code == 3);
    const json::object& result = ran.result("reference");
    CHECK(result.at("details").as_object().at("outcome").as_string() == row.outcome);
    CHECK_FALSE(result.at("verdict").as_string() == "passed");
    CHECK(ran.result("logits/batch").at("verdict").as_string() == "skipped");
    CHECK(processes_with(sleeper.substr(6)) == 0);
  }
}

TEST_CASE("a reference that greets and is gone does not pass for one that answers") {
  const test::TempFolder folder;
  const Ran ran = crossval(
      {"--reference", script(folder,
                             "echo 'hello 0 protocol=bitharness.worker/1 name=x version=1 n_vocab=2048 n_ctx=256 "
                             "abilities=tokenize,logits,generate,trace'; exit 3")
                          .string()});
  CHECK(ran.finished.code == 3);
  const json::object& result = ran.result("reference");
  CHECK(result.at("verdict").as_string() == "untrusted");
  CHECK(result.at("details").as_object().at("outcome").as_string() == "ended");
}

TEST_CASE("a reference that is not there, or options that fit none, end a run at once") {
  CHECK(test::bitharness({"crossval", "-m", kModel, "--reference", "/no/such/reference"}).code == 4);
  CHECK(test::bitharness({"crossval", "-m", kModel, "--prompt", "x"}).code == 2);
}

TEST_CASE("the adapter answers for its library, and what that does wrong is told apart from it") {
  const Ran sound = crossval({"--reference", kFake, "--profile", "shallow"});
  CHECK(sound.finished.code == 1);  // another vocabulary, other logits
  const json::object& identity = sound.result("reference").at("details").as_object();
  CHECK(identity.at("outcome").as_string() == "answers");
  CHECK(identity.at("facts").as_object().at("activation").as_string() == "relu_sqr");
  CHECK(sound.result("tokens").at("verdict").as_string() == "failed");
  for (const auto& [order, outcome, id] : {std::tuple{"refuse", "refused", "reference"},
                                           {"crash", "crashed", "ops/batch"},
                                           {"hang", "hung", "ops/batch"}}) {
    CAPTURE(order);
    const Ran ran = crossval({"--reference", kFake}, {{"FAKE_LLAMA", order}});
    CHECK(ran.result(id).at("details").as_object().at("outcome").as_string() == outcome);
    CHECK_FALSE(ran.result(id).at("verdict").as_string() == "passed");
    CHECK(ran.finished.code != 0);
    CHECK(processes_with(kFake) == 0);
  }
  const Ran silu = crossval({"--reference", kFake, "--filter", "crossval/reference"}, {{"FAKE_LLAMA", "silu"}});
  CHECK(silu.finished.code != 0);
  CHECK_THAT(std::string(silu.result("reference").at("reason").as_string()),
             Catch::Contains("no reference for this model"));
  // Noise on the library's stdout does not reach the protocol.
  const Ran noisy = crossval({"--reference", kFake, "--filter", "crossval/reference"}, {{"FAKE_LLAMA", "print"}});
  CHECK(noisy.result("reference").at("details").as_object().at("outcome").as_string() == "answers");
}
