// What is read whole, and what is refused without being opened.
#include "engine/base/text_file.h"

#include <sys/stat.h>

#include <fstream>

#include "engine/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace {

std::string refusal(const std::filesystem::path& path, std::size_t max_bytes = 100) {
  try {
    bh::read_text_file(path, max_bytes);
  } catch (const bh::Error& error) {
    CHECK(error.kind() == bh::ErrorKind::setup);
    CHECK_THAT(error.what(), Catch::Contains(path.string()));
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a text file is read to the byte") {
  const bh::test::TempFolder folder;
  const std::string text("one\r\n\0two", 9);
  std::ofstream(folder / "text", std::ios::binary) << text;
  std::ofstream(folder / "empty", std::ios::binary);
  CHECK(bh::read_text_file(folder / "text", 9) == text);
  CHECK(bh::read_text_file(folder / "empty", 9).empty());
}

TEST_CASE("a file exists, or not, or it cannot be told") {
  const bh::test::TempFolder folder;
  std::ofstream(folder / "file", std::ios::binary);
  std::filesystem::create_symlink("loop", folder / "loop");
  std::filesystem::create_symlink("none", folder / "dangling");
  CHECK(bh::file_exists(folder / "file"));
  CHECK(bh::file_exists(folder.path()));
  CHECK_FALSE(bh::file_exists(folder / "none"));
  CHECK_FALSE(bh::file_exists(folder / "dangling"));
  CHECK_FALSE(bh::file_exists(folder / "file/below"));
  CHECK_THROWS_WITH(bh::file_exists(folder / "loop"), Catch::Contains("loop: ") && Catch::Contains("symbolic links"));
}

TEST_CASE("only a regular file of bounded size is read as text") {
  const bh::test::TempFolder folder;
  std::ofstream(folder / "long", std::ios::binary) << std::string(101, 'a');
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  std::filesystem::create_symlink("loop", folder / "loop");
  CHECK_THAT(refusal(folder / "long"), Catch::Contains("101 bytes, more than the 100"));
  CHECK(refusal(folder / "long", 101) == "accepted");
  CHECK_THAT(refusal(folder / "none"), Catch::Contains("no such file"));
  CHECK_THAT(refusal(folder.path()), Catch::Contains("not a regular file"));
  CHECK_THAT(refusal(folder / "fifo"), Catch::Contains("not a regular file"));
  CHECK_THAT(refusal("/dev/zero"), Catch::Contains("not a regular file"));
  CHECK_THAT(refusal(folder / "loop"), Catch::Contains("symbolic links"));
}
