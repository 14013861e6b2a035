// Signals sent to the built binary, and a model file that shrinks while it is mapped.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <thread>

#include "tests/cli/process.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

/// Waits until the process waits in read() for its standard input; false if it does not within three seconds.
bool waits_for_input(pid_t pid) {
  for (int i = 0; i < 300; ++i) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/wchan");
    const std::string where{std::istreambuf_iterator<char>(file), {}};
    if (where.find("pipe") != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace

TEST_CASE("a signal ends a command that waits, with 128 + N") {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Process process({{"tokenize"}, {}, ""});
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    process.signal(signal);
    process.signal(signal);
    CHECK(process.finish("", 30).code == 128 + signal);
  }
}

TEST_CASE("a conversion that a signal ends leaves nothing behind, at once or in order") {
  const TempFolder home;
  const fs::path source = home / "model.gguf", target = home / "out";
  REQUIRE(bitharness({"synth", source.string(), "--preset", "small", "--n-layer", "6"}).code == 0);
  const auto entries = [&] {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(home.path())) names.insert(entry.path().filename().string());
    return names;
  };
  const std::set<std::string> before = {"model.gguf"}, done = {"model.gguf", "out", "out.convert.json"};
  for (const int times : {1, 2}) {
    bool interrupted = false;
    for (int attempt = 0; attempt < 10 && !interrupted; ++attempt) {
      Process process({{"convert", source.string(), target.string(), "--layout", "master"}, {}, ""});
      for (int i = 0; i < 30'000 && entries() == before; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      for (int i = 0; i < times; ++i) process.signal(SIGTERM);
      const Finished run = process.finish("", 60);
      CAPTURE(times, attempt, run.code, run.err);
      interrupted = entries() == before;
      if (interrupted) {
        CHECK(run.code == 128 + SIGTERM);
        CHECK((run.err.empty() || is_one_clear_line(run.err)));  // it may end between two steps, or have to be ended
      } else {  // the signal came when all was done: then all is there, and the next attempt may be in time
        CHECK((run.code == 128 + SIGTERM || run.code == 0));
        REQUIRE(entries() == done);
        fs::remove_all(target);
        fs::remove(home / "out.convert.json");
      }
    }
    CHECK(interrupted);
  }
}

TEST_CASE("a model file that shrinks while it is mapped ends the run with one line and exit 4") {
  const TempFolder folder;
  const fs::path path = folder / "model.gguf";
  fs::copy_file(shipped_model() / "kjv-3m-i2_s.gguf", path);
  Process process({{"run", "-m", path.string(), "-n", "4"}, {}, ""});
  waits_for_input(process.pid());
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  fs::resize_file(path, 4096);
  const Finished run = process.finish("And God said");
  CAPTURE(run.err);
  CHECK(run.code == 4);
  CHECK(is_one_clear_line(run.err));
  CHECK_THAT(run.err, Contains("the model file changed while in use"));
}
