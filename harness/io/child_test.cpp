#include "harness/io/child.h"

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/base/error.h"
#include "harness/io/pipes.h"
#include "tests/support/catch.h"
#include "tests/support/processes.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::harness;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

Command shell(std::string script) { return {"/bin/sh", {"-c", std::move(script)}, {}}; }

/// Processes, ended ones that nobody has waited for included, whose command line or environment has `mark`.
std::vector<std::string> processes_with(const std::string& mark) {
  std::vector<std::string> found;
  for (const auto& [pid, state, parent, group] : test::all_processes()) {
    if (pid == std::to_string(::getpid())) continue;
    for (const char* file : {"cmdline", "environ"}) {
      if (test::proc_text(std::filesystem::path("/proc") / pid / file).find(mark) != std::string::npos) {
        found.push_back(pid);
      }
    }
  }
  return found;
}

std::int64_t children_of_ours() {
  const auto processes = test::all_processes();
  return std::count_if(processes.begin(), processes.end(), [](const auto& p) { return p.parent == ::getpid(); });
}

std::string read_line(Child& child) {
  std::string line;
  for (char c = 0; child.read(&c, 1) == 1 && c != '\n';) line += c;
  return line;
}

ChildLimits brief(int time_ms = 5000) {
  ChildLimits limits;
  limits.time = milliseconds(time_ms);
  limits.grace = milliseconds(100);
  return limits;
}

}  // namespace

TEST_CASE("a program that ends well is exited with code 0, with its output and what it said on stderr", "[child]") {
  const auto finished = run_to_end(shell("echo out; echo one >&2; echo two >&2"), brief());
  CHECK(finished.status.ending == Ending::exited);
  CHECK(finished.status.exit_code == 0);
  CHECK(finished.output == "out\n");
  CHECK(finished.status.last_words == "one\ntwo\n");
  CHECK(finished.status.explain() == "exited with code 0; its last words: one | two");
  CHECK(finished.duration_ns > 0);
  CHECK(run_to_end({"true", {}, {}}, brief()).status.describe() == "exited with code 0");
  CHECK(children_of_ours() == 0);
}

TEST_CASE("exit 11 is not signal 11", "[child]") {
  const auto exited = run_to_end(shell("exit 11"), brief()).status;
  CHECK(exited.ending == Ending::exited);
  CHECK(exited.exit_code == 11);
  CHECK(exited.describe() == "exited with code 11");
  const auto signalled = run_to_end(shell("kill -SEGV $$"), brief()).status;
  CHECK(signalled.ending == Ending::signalled);
  CHECK(signalled.signal == SIGSEGV);
  CHECK(signalled.describe() == "ended by signal 11 (Segmentation fault)");
}

TEST_CASE("a program that prints without end is flooded, and no more than the limit is kept", "[child]") {
  ChildLimits limits = brief();
  limits.output_bytes = 100'000;
  const auto finished = run_to_end({"yes", {}, {}}, limits);
  CHECK(finished.status.ending == Ending::flooded);
  CHECK(finished.output.size() == 100'000);
  CHECK(finished.status.describe() == "printed more than the limit and was stopped");
}

TEST_CASE("a program that hangs is timed out, in time", "[child]") {
  const auto start = steady_clock::now();
  const auto finished = run_to_end({"sleep", {"60"}, {}}, brief(100));
  CHECK(finished.status.ending == Ending::timed_out);
  CHECK(finished.status.describe() == "took longer than 0.1 s");
  CHECK(steady_clock::now() - start < std::chrono::seconds(3));
  // Also where it has closed its stdout, and where only each read is limited.
  CHECK(run_to_end(shell("exec sleep 60 >&-"), brief(100)).status.ending == Ending::timed_out);
  Child child({"sleep", {"60"}, {}}, brief(100));
  char byte = 0;
  CHECK(child.read(&byte, 1) == 0);
  CHECK(child.status().ending == Ending::timed_out);
  CHECK_THROWS_WITH(child.write("x"), Catch::Contains("took longer than 0.1 s"));
}

TEST_CASE("a run that is cancelled stops its child", "[child]") {
  ChildLimits limits = brief(0);
  const auto start = steady_clock::now();
  limits.cancelled = [&] { return steady_clock::now() - start > milliseconds(100); };
  CHECK(run_to_end({"sleep", {"60"}, {}}, limits).status.ending == Ending::cancelled);
  CHECK(steady_clock::now() - start < std::chrono::seconds(3));
}

TEST_CASE("no descendant survives: neither one that was left behind, nor one with a session of its own", "[child]") {
  const std::string mark = "bh_child_test_" + std::to_string(::getpid());
  const std::string seconds = std::to_string(100'000 + ::getpid());  // known by its argument where the mark is lost
  const std::string sleep = "sleep " + seconds;
  Command command = shell("setsid env -i sh -c '" + sleep + " & exec " + sleep + "' & (trap '' TERM; setsid " + sleep +
                          " & " + sleep + ") & echo started");
  command.environment["MARK"] = mark;
  const auto start = steady_clock::now();
  Child child(command, brief());
  CHECK(read_line(child) == "started");
  // The shell is gone, its grandchildren hold its stdout: that is not waited for.
  char byte = 0;
  CHECK(child.read(&byte, 1) == 0);
  CHECK_FALSE(processes_with(mark).empty());
  const std::string sleeping = std::string("sleep\0", 6) + seconds;
  // They start in their own time.
  while (processes_with(sleeping).size() < 4 && steady_clock::now() - start < std::chrono::seconds(10)) {
    std::this_thread::sleep_for(milliseconds(2));
  }
  CHECK(processes_with(sleeping).size() >= 4);
  const auto before_finish = steady_clock::now();
  const auto status = child.finish();
  CHECK(status.ending == Ending::exited);
  CHECK(processes_with(mark).empty());
  CHECK(processes_with(sleeping).empty());
  CHECK(children_of_ours() == 0);
  CHECK(steady_clock::now() - before_finish < std::chrono::seconds(3));
}

TEST_CASE("nothing survives us, even where we or our whole process group are killed", "[child]") {
  const bool whole_group = GENERATE(false, true);
  const std::string mark = fmt::format("bh_child_orphan_{}_{}", whole_group, ::getpid());
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setpgid(0, 0);
    Command command = shell("setsid sleep 62 & echo started; sleep 62");
    command.environment["MARK"] = mark;
    Child child(command, brief(0));
    read_line(child);
    ::kill(whole_group ? 0 : ::getpid(), SIGKILL);
  }
  ::waitpid(pid, nullptr, 0);
  const auto until = steady_clock::now() + std::chrono::seconds(5);
  while (!processes_with(mark).empty() && steady_clock::now() < until) std::this_thread::sleep_for(milliseconds(5));
  CHECK(processes_with(mark).empty());
}

TEST_CASE("a child that ignores SIGTERM and the end of its input is killed, and said to have been", "[child]") {
  Child child(shell("trap '' TERM; echo ready; while :; do sleep 0.05; done"), brief());
  CHECK(read_line(child) == "ready");
  const auto status = child.finish();
  CHECK(status.ending == Ending::signalled);
  CHECK(status.signal == SIGKILL);
  CHECK(status.describe() == "did not end by itself and was ended by signal 9");
}

TEST_CASE("what cannot be started says why", "[child]") {
  const test::TempFolder folder;
  std::ofstream(folder.path() / "plain") << "just text";
  CHECK_THROWS_WITH(Child({folder.path() / "none", {}, {}}, {}), Catch::Contains("there is no such program"));
  CHECK_THROWS_WITH(Child({"no-such-program-in-path", {}, {}}, {}), Catch::Contains("there is no such program"));
  CHECK_THROWS_WITH(Child({folder.path(), {}, {}}, {}), Catch::Contains("a folder, not a program"));
  CHECK_THROWS_WITH(Child({folder.path() / "plain", {}, {}}, {}), Catch::Contains("not executable"));
  std::filesystem::permissions(folder.path() / "plain", std::filesystem::perms::owner_all);
  CHECK_THROWS_WITH(Child({folder.path() / "plain", {}, {}}, {}), Catch::Contains("no program that this system"));
  const auto finished = run_to_end({folder.path() / "none", {}, {}}, {});
  CHECK(finished.status.ending == Ending::not_started);
  CHECK(finished.status.last_words.find("there is no such program") != std::string::npos);
  CHECK(children_of_ours() == 0);
}

TEST_CASE("writing to a child that does not listen is an error that says how it ended, never a signal", "[child]") {
  const std::string much(1 << 20, 'x');
  {
    Child child(shell("echo bad news >&2; exit 3"), brief());
    CHECK_THROWS_WITH(child.write(much), Catch::Contains("exited with code 3; its last words: bad news"));
  }
  {
    Child child(shell("exec <&-; echo closed; sleep 60"), brief());
    CHECK(read_line(child) == "closed");
    CHECK_THROWS_WITH(child.write(much), Catch::Contains("has closed its input"));
  }
  Child child(shell("sleep 60"), brief(100));
  CHECK_THROWS_WITH(child.write(much), Catch::Contains("took longer than 0.1 s"));
}

TEST_CASE("a conversation goes both ways until the input ends", "[child]") {
  Child child({"cat", {}, {}}, brief());
  for (const std::string word : {"alpha", "beta"}) {
    child.write(word + "\n");
    CHECK(read_line(child) == word);
  }
  CHECK(child.status().ending == Ending::running);
  CHECK(child.pid() > 0);
  const auto status = child.finish();
  CHECK(status.ending == Ending::exited);
  CHECK(status.exit_code == 0);
}

TEST_CASE("a paused child stands still, with all that it started, until it is spoken to or listened to", "[child]") {
  ChildLimits limits = brief();
  limits.grace = std::chrono::seconds(5);
  Child child(shell("while :; do :; done & while read line; do echo $line; done"), limits);
  for (const std::string line : {"one", "two"}) {
    child.write(line + "\n");
    CHECK(test::group_goes_on(child.pid()));
    if (line == "two") {
      child.pause();
      CHECK(test::group_stops(child.pid()));
    }
    CHECK(read_line(child) == line);
    child.pause();
    child.pause();
    CHECK(test::group_stops(child.pid()));
  }
  child.resume();
  CHECK(test::group_goes_on(child.pid()));
  child.pause();
  const auto status = child.finish();
  CHECK(status.ending == Ending::exited);
  CHECK_FALSE(status.stopped_by_us);
  child.pause();  // of one that has ended, without effect
}

TEST_CASE("a child that is killed, forgotten or too slow while it is paused is none that is left", "[child]") {
  const std::string script = "echo ready; while :; do sleep 0.01; done";
  {
    Child child(shell(script), brief());
    CHECK(read_line(child) == "ready");
    child.pause();
    ::kill(child.pid(), SIGKILL);
    CHECK(read_line(child).empty());
    CHECK(child.finish().signal == SIGKILL);
  }
  {
    Child child(shell(script), brief(100));
    CHECK(read_line(child) == "ready");
    child.pause();
    CHECK(read_line(child).empty());
    CHECK(child.status().ending == Ending::timed_out);
    child.pause();
  }
  CHECK(children_of_ours() == 0);
}

TEST_CASE("a child gets default signals, a group of its own, and no open file but its three", "[child]") {
  sigset_t set, before;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, &before);
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  const int inherited = ::dup(STDERR_FILENO);
  const auto finished = run_to_end(
      shell("grep -E 'SigBlk|SigIgn' /proc/self/status; ls /proc/self/fd | tr '\\n' ' '; cut -d' ' -f5 /proc/$$/stat; "
            "echo $$"),
      brief());
  ::close(inherited);
  std::signal(SIGXFSZ, old);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  CAPTURE(finished.output);
  CHECK(finished.output.find("SigBlk:\t0000000000000000") == 0);
  CHECK(finished.output.find("SigIgn:\t0000000000000000") != std::string::npos);
  const auto files = finished.output.find("0 1 2 3 ");  // 3 is the folder that ls reads
  REQUIRE(files != std::string::npos);
  const std::string ids = finished.output.substr(files + 8);
  const auto newline = ids.find('\n');
  CHECK(ids.substr(0, newline + 1) == ids.substr(newline + 1));
}

TEST_CASE("of a long stderr the end is kept, as valid UTF-8", "[child]") {
  const auto finished = run_to_end(shell("yes line | head -c 300000 >&2; printf '\\377 end\\n' >&2"), brief());
  CHECK(finished.status.ending == Ending::exited);
  CHECK(finished.status.last_words.size() <= kLastWords + 2);
  CHECK(finished.status.last_words.find("\xEF\xBF\xBD end\n") == finished.status.last_words.size() - 8);
  CHECK(finished.status.explain() == "exited with code 0; its last words: line | line | line | \xEF\xBF\xBD end");
}
