#include "engine/base/atomic_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>
#include <string>

#include "engine/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::ptrdiff_t files_in(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

/// While it lives, no file of this process can grow past `bytes`: the next write fails as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    previous_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &previous_);
    rlimit limit = previous_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &previous_);
    std::signal(SIGXFSZ, previous_handler_);
  }

 private:
  rlimit previous_{};
  void (*previous_handler_)(int);
};

}  // namespace

TEST_CASE("an atomic file appears on commit and not before") {
  const bh::test::TempFolder folder;
  {
    bh::AtomicFile file(folder / "a");
    file.write("hello ");
    file.write("world");
    REQUIRE(file.bytes_written() == 11);
    REQUIRE(!std::filesystem::exists(folder / "a"));
    file.commit();
    REQUIRE(content(folder / "a") == "hello world");
  }
  REQUIRE(files_in(folder.path()) == 1);
}

TEST_CASE("an atomic file that is given up leaves the old one whole") {
  const bh::test::TempFolder folder;
  std::ofstream(folder / "a") << "old";
  {
    bh::AtomicFile file(folder / "a");
    file.write("new");
  }
  REQUIRE(content(folder / "a") == "old");
  REQUIRE(files_in(folder.path()) == 1);
}

TEST_CASE("a process that is killed while it writes leaves nothing of an atomic file") {
  const bh::test::TempFolder folder;
  const int unnamed = ::open(folder.path().c_str(), O_WRONLY | O_TMPFILE, 0600);
  if (unnamed < 0) {
    WARN("skipped: this file system has no files without names (O_TMPFILE)");
    return;
  }
  ::close(unnamed);
  const pid_t writer = ::fork();
  if (writer == 0) {
    bh::AtomicFile file(folder / "a");
    file.write("half of it");
    ::raise(SIGKILL);
  }
  int status = 0;
  ::waitpid(writer, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(files_in(folder.path()) == 0);
}

TEST_CASE("an atomic file has the permissions it was asked for, less the umask") {
  const bh::test::TempFolder folder;
  const mode_t before = ::umask(022);
  for (const unsigned mode : {0666u, 0600u}) {
    bh::AtomicFile file(folder / "a", mode);
    file.write("x");
    file.commit();
    CHECK(std::filesystem::status(folder / "a").permissions() == std::filesystem::perms(mode & ~022u));
  }
  ::umask(before);
}

TEST_CASE("a disk that fills up leaves the old file whole and no rest") {
  const bh::test::TempFolder folder;
  std::ofstream(folder / "a") << "old";
  const std::string block(4096, 'x');
  std::string message;
  {
    const FileSizeLimit limit(10000);
    bh::AtomicFile file(folder / "a");
    try {
      for (int i = 0; i < 4; ++i) file.write(block);
    } catch (const bh::Error& error) {
      message = error.what();
    }
  }
  REQUIRE(message.find("after 10000 bytes") != std::string::npos);
  REQUIRE(content(folder / "a") == "old");
  REQUIRE(files_in(folder.path()) == 1);
}

TEST_CASE("an atomic file refuses folders and devices, and follows links") {
  const bh::test::TempFolder folder;
  REQUIRE_THROWS_AS(bh::AtomicFile(folder.path()), bh::Error);
  REQUIRE_THROWS_AS(bh::AtomicFile("/dev/null"), bh::Error);
  REQUIRE_THROWS_AS(bh::AtomicFile(folder / "none" / "a"), bh::Error);
  std::ofstream(folder / "target") << "old";
  std::filesystem::create_symlink("target", folder / "link");
  bh::AtomicFile file(folder / "link");
  file.write("new");
  file.commit();
  REQUIRE(std::filesystem::is_symlink(folder / "link"));
  REQUIRE(content(folder / "target") == "new");
}
