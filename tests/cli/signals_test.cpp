// Signals sent to the built binary, and a model file that shrinks while it is mapped.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
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
  for (const int times : {1, 2}) {
    Process process({{"convert", source.string(), target.string(), "--layout", "master"}, {}, ""});
    const auto entries = [&] { return std::distance(fs::directory_iterator(home.path()), fs::directory_iterator()); };
    for (int i = 0; i < 30'000 && entries() < 2; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    for (int i = 0; i < times; ++i) process.signal(SIGTERM);
    const Finished run = process.finish("", 60);
    CAPTURE(times, run.err);
    CHECK(run.code == 128 + SIGTERM);
    CHECK((run.err.empty() || is_one_clear_line(run.err)));  // it may end between two steps, or have to be ended
    CHECK(entries() == 1);
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
